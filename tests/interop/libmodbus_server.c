/* A Modbus server on libmodbus: functions 1 to 6, 15, 16 and 23, as modbus_reply has them.

       libmodbus_server tcp            any unit; prints its port on 127.0.0.1
       libmodbus_server rtu DEVICE     unit 17 at 9600 8N1; prints "ready"

   Each table has 200 places: coil n is set where n is a multiple of 3 and input bit n where it is one of 5, holding
   register n is 1000 + n and input register n is 65535 - n. Serves until its standard input ends. */
#include <errno.h>
#include <modbus/modbus.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COUNT = 200, UNIT = 17 };

static modbus_mapping_t *tables(void)
{
    modbus_mapping_t *map = modbus_mapping_new(COUNT, COUNT, COUNT, COUNT);
    for (int n = 0; map && n < COUNT; n++) {
        map->tab_bits[n] = n % 3 == 0;
        map->tab_input_bits[n] = n % 5 == 0;
        map->tab_registers[n] = (uint16_t)(1000 + n);
        map->tab_input_registers[n] = (uint16_t)(65535 - n);
    }
    return map;
}

static int failed(const char *what)
{
    fprintf(stderr, "libmodbus_server: %s: %s\n", what, modbus_strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    int is_tcp = argc == 2 && !strcmp(argv[1], "tcp"), is_rtu = argc == 3 && !strcmp(argv[1], "rtu"), listener = -1;
    if (!is_tcp && !is_rtu) {
        fprintf(stderr, "usage: libmodbus_server tcp | rtu DEVICE\n");
        return 2;
    }
    modbus_t *modbus = is_tcp ? modbus_new_tcp("127.0.0.1", 0) : modbus_new_rtu(argv[2], 9600, 'N', 8, 1);
    modbus_mapping_t *map = tables();
    if (!modbus || !map)
        return failed("no memory");
    if (is_tcp) {
        struct sockaddr_in where;
        socklen_t length = sizeof where;
        if ((listener = modbus_tcp_listen(modbus, 8)) < 0 || getsockname(listener, (struct sockaddr *)&where, &length))
            return failed("cannot listen");
        printf("%d\n", ntohs(where.sin_port));
    } else {
        if (modbus_set_slave(modbus, UNIT) || modbus_connect(modbus))
            return failed("cannot open the line");
        printf("ready\n");
    }
    fflush(stdout);

    fd_set open, ready;
    FD_ZERO(&open);
    FD_SET(STDIN_FILENO, &open);
    FD_SET(is_tcp ? listener : modbus_get_socket(modbus), &open);
    for (;;) {
        ready = open;
        if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) < 0)
            return failed("select");
        if (FD_ISSET(STDIN_FILENO, &ready))
            return 0;
        for (int fd = 0; fd < FD_SETSIZE; fd++) {
            if (!FD_ISSET(fd, &ready))
                continue;
            if (fd == listener) {
                int peer = accept(listener, NULL, NULL);
                if (peer >= 0)
                    FD_SET(peer, &open);
                continue;
            }
            uint8_t query[MODBUS_MAX_ADU_LENGTH];
            modbus_set_socket(modbus, fd);
            int size = modbus_receive(modbus, query); /* 0: a frame for another unit */
            if (size > 0)
                modbus_reply(modbus, query, size, map);
            else if (size < 0 && is_tcp) {
                close(fd);
                FD_CLR(fd, &open);
            }
        }
    }
}
