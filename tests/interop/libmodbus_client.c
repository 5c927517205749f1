/* A Modbus client on libmodbus that does what its standard input says, a line at a time, and prints what came.

       libmodbus_client tcp PORT UNIT        on 127.0.0.1
       libmodbus_client rtu DEVICE UNIT      9600 8N1

   in:   1|2|3|4 ADDRESS COUNT          read          out:  the values
         5|6 ADDRESS VALUE              write one           "done"
         15|16 ADDRESS VALUE...         write               "done"
         23 ADDRESS COUNT TARGET VALUE...  write and read   the values
   Whatever libmodbus says against it is printed as "error: ...". */
#include <errno.h>
#include <modbus/modbus.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 2100, LINE = 16384 };

int main(int argc, char **argv)
{
    static uint8_t bits[MOST];
    static uint16_t words[MOST];
    static char line[LINE];
    static int given[MOST];
    if (argc != 4 || (strcmp(argv[1], "tcp") && strcmp(argv[1], "rtu"))) {
        fprintf(stderr, "usage: libmodbus_client tcp PORT UNIT | rtu DEVICE UNIT\n");
        return 2;
    }
    modbus_t *modbus = strcmp(argv[1], "tcp") ? modbus_new_rtu(argv[2], 9600, 'N', 8, 1)
                                              : modbus_new_tcp("127.0.0.1", atoi(argv[2]));
    if (!modbus || modbus_set_slave(modbus, atoi(argv[3])) || modbus_set_response_timeout(modbus, 10, 0)
        || modbus_connect(modbus)) {
        fprintf(stderr, "libmodbus_client: %s\n", modbus_strerror(errno));
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        int count = 0, done = -1, of_bits = 0;
        for (char *word = strtok(line, " \n"); word && count < MOST; word = strtok(NULL, " \n"))
            given[count++] = atoi(word);
        if (count < 3)
            break;
        int function = given[0], address = given[1], *values = given + (function == 23 ? 4 : 2);
        int written = count - (int)(values - given), reads = 0;
        for (int n = 0; n < written; n++) {
            bits[n] = values[n] != 0;
            words[n] = (uint16_t)values[n];
        }
        switch (function) {
        case 1: done = modbus_read_bits(modbus, address, given[2], bits); break;
        case 2: done = modbus_read_input_bits(modbus, address, given[2], bits); break;
        case 3: done = modbus_read_registers(modbus, address, given[2], words); break;
        case 4: done = modbus_read_input_registers(modbus, address, given[2], words); break;
        case 5: done = modbus_write_bit(modbus, address, values[0]); break;
        case 6: done = modbus_write_register(modbus, address, (uint16_t)values[0]); break;
        case 15: done = modbus_write_bits(modbus, address, written, bits); break;
        case 16: done = modbus_write_registers(modbus, address, written, words); break;
        case 23:
            if (count > 4)
                done = modbus_write_and_read_registers(modbus, given[3], written, words, address, given[2], words);
            break;
        }
        of_bits = function == 1 || function == 2;
        reads = of_bits || function == 3 || function == 4 || function == 23;
        if (done < 0)
            printf("error: %s", modbus_strerror(errno));
        else if (!reads)
            printf("done");
        else
            for (int n = 0; n < done; n++)
                printf("%s%d", n ? " " : "", of_bits ? bits[n] : words[n]);
        printf("\n");
        fflush(stdout);
    }
    modbus_close(modbus);
    modbus_free(modbus);
    return 0;
}
