/* Publishes packets that are ready in a file, QoS 1, at most WINDOW of them unacknowledged.
 *
 * mqtt_publisher PORT WINDOW FILE
 *
 * The file holds whole PUBLISH packets of MQTT 3.1.1, packet ids and all. Prints, when the broker has acknowledged all
 * of them: CLOCK_MONOTONIC at the first byte and at the last acknowledgement, the process's CPU seconds in between.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static unsigned char *read_file(const char *name, size_t *size) {
    int file = open(name, O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about)) fail(name);
    unsigned char *data = malloc(about.st_size ? about.st_size : 1);
    for (*size = 0; *size < (size_t)about.st_size;) {
        ssize_t n = read(file, data + *size, about.st_size - *size);
        if (n <= 0) fail(name);
        *size += n;
    }
    close(file);
    return data;
}

/* Where the packet at `at` ends. */
static size_t end_of(const unsigned char *data, size_t at) {
    size_t length = 0;
    int shift = 0;
    for (at++;; shift += 7) {
        length |= (size_t)(data[at] & 0x7f) << shift;
        if (!(data[at++] & 0x80)) return at + length;
    }
}

static int connect_to(int port) {
    static const unsigned char hello[] = {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'p'};
    unsigned char answer[4];
    int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to)) fail("connect");
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(s, hello, sizeof hello, 0) != sizeof hello) fail("send");
    if (recv(s, answer, 4, MSG_WAITALL) != 4 || answer[0] != 0x20 || answer[3]) fail("the broker refuses");
    fcntl(s, F_SETFL, fcntl(s, F_GETFL) | O_NONBLOCK);
    return s;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    size_t size, sent = 0, allowed = 0, got = 0;
    unsigned char *data = read_file(argv[3], &size), answers[MOST];
    long window = atol(argv[2]), begun = 0;
    int s = connect_to(atoi(argv[1]));
    double began = now(), cpu_began = cpu();
    while (sent < size || (long)(got / 4) < begun) {
        while (allowed < size && begun - (long)(got / 4) < window) {
            allowed = end_of(data, allowed);
            begun++;
        }
        struct pollfd wait = {.fd = s, .events = POLLIN | (sent < allowed ? POLLOUT : 0)};
        if (poll(&wait, 1, 60000) <= 0) fail("the broker is silent");
        if (wait.revents & POLLOUT) {
            ssize_t n = send(s, data + sent, allowed - sent < MOST ? allowed - sent : MOST, MSG_NOSIGNAL);
            if (n > 0) sent += n;
            else if (errno != EAGAIN) fail("send");
        }
        if (wait.revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t n = recv(s, answers, sizeof answers, 0); /* PUBACKs, four bytes each */
            if (n == 0) fail("closed by the broker");
            if (n > 0) got += n;
            else if (errno != EAGAIN) fail("recv");
        }
    }
    printf("%.6f %.6f %.6f\n", began, now(), cpu() - cpu_began);
    return 0;
}
