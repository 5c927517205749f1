/* A Modbus TCP server that costs its clients nothing: one epoll loop, any number of connections, requests as they come.

   It answers function 4 (read input registers) with the registers' own addresses, so that a client can check what it
   got, and everything else with the exception "illegal function". Prints its port on 127.0.0.1 and serves until its
   standard input ends.

       cc -O2 -o modbus_server modbus_server.c && ./modbus_server
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 7, REQUEST = 12, IN = 4096, OUT = (IN / REQUEST + 1) * (HEADER + 2 + 250), MOST = 65536 };

static struct { int used; uint8_t bytes[IN]; } *held[MOST]; /* half requests, by descriptor */

static int word(const uint8_t *at) { return at[0] << 8 | at[1]; }

static int answer(const uint8_t *request, uint8_t *reply)
{
    int first = word(request + 8), count = word(request + 10), size;
    memcpy(reply, request, HEADER + 1);
    if (request[7] == 4 && word(request + 4) == 6 && count >= 1 && count <= 125 && first + count <= 65536) {
        reply[8] = (uint8_t)(2 * count);
        for (int i = 0; i < count; i++) {
            reply[9 + 2 * i] = (uint8_t)((first + i) >> 8);
            reply[10 + 2 * i] = (uint8_t)(first + i);
        }
        size = 2 + 2 * count;
    } else {
        reply[7] |= 0x80;
        reply[8] = 1;
        size = 2;
    }
    reply[4] = 0;
    reply[5] = (uint8_t)(size + 1);
    return HEADER + size;
}

static void drop(int fd)
{
    free(held[fd]);
    held[fd] = NULL;
    close(fd);
}

static void serve(int fd)
{
    static uint8_t out[OUT];
    ssize_t got = recv(fd, held[fd]->bytes + held[fd]->used, (size_t)(IN - held[fd]->used), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(fd);
        return;
    }
    int end = held[fd]->used + (int)got, at = 0, filled = 0;
    uint8_t *in = held[fd]->bytes;
    while (end - at >= HEADER + 1) {
        int size = 6 + word(in + at + 4);
        if (size < HEADER + 1 || size > 260) {
            drop(fd);
            return;
        }
        if (end - at < size)
            break;
        filled += answer(in + at, out + filled);
        at += size;
    }
    memmove(in, in + at, (size_t)(end - at));
    held[fd]->used = end - at;
    for (int sent = 0; sent < filled;) { /* blocking: a client that does not read holds up nobody but a benchmark */
        ssize_t n = send(fd, out + sent, (size_t)(filled - sent), MSG_NOSIGNAL);
        if (n < 0) {
            drop(fd);
            return;
        }
        sent += (int)n;
    }
}

int main(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < MOST ? files.rlim_max : MOST;
    setrlimit(RLIMIT_NOFILE, &files);

    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof where;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    if (bind(listener, (struct sockaddr *)&where, length) || listen(listener, 4096)
        || getsockname(listener, (struct sockaddr *)&where, &length)) {
        perror("modbus_server");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[512];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = STDIN_FILENO;
    epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);

    for (;;) {
        int count = epoll_wait(poll, ready, 512, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == STDIN_FILENO)
                return 0;
            if (fd != listener) {
                if (held[fd])
                    serve(fd);
                continue;
            }
            while ((fd = accept(listener, NULL, NULL)) >= 0) {
                int on = 1;
                if (fd >= MOST || !(held[fd] = calloc(1, sizeof *held[fd]))) {
                    close(fd);
                    continue;
                }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
