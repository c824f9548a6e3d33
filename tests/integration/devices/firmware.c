/* Firmware of a small control unit, built for this machine.
 *
 *     firmware BUS UART
 *
 * It joins the simulated CAN bus BUS and speaks on the serial port UART.
 *
 * Every 20 ms it sends CAN frame 0x321 with a counter (4 bytes, little-endian), and a line
 * "ticks=N" on the serial port. A frame 0x322 is answered by 0x323 with its bytes inverted; 0x3FF
 * ends the program with the status in its first byte. "ping\n" on the serial port is answered by
 * "pong=1\n".
 */
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct record { /* as docs/virtual-bus.md has it */
    int64_t t_ns;
    uint32_t can_id;
    uint8_t length, flags;
    uint16_t reserved;
    uint8_t data[64];
};

struct greeting {
    char magic[8];
    uint32_t version, flags;
    char name[48];
};

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static int join_bus(const char *bus) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "firmware-sim/%s", bus);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)))
        fail("connect");
    struct greeting hello = {"FWSIMBUS", 1, 0, "firmware"}, welcome;
    memcpy(hello.magic, "FWSIMBUS", 8);
    if (write(fd, &hello, sizeof hello) != sizeof hello) fail("hello");
    if (recv(fd, &welcome, sizeof welcome, MSG_WAITALL) != sizeof welcome) fail("welcome");
    return fd;
}

static void send_frame(int bus, uint32_t id, const uint8_t *data, uint8_t length) {
    struct record frame = {.can_id = id, .length = length};
    memcpy(frame.data, data, length);
    if (write(bus, &frame, sizeof frame) != sizeof frame) fail("send");
}

static void hear(int bus) {
    struct record frame;
    if (recv(bus, &frame, sizeof frame, MSG_WAITALL) != sizeof frame) exit(0); /* the bus is gone */
    if (frame.can_id == 0x3FF) exit(frame.data[0]);
    if (frame.can_id != 0x322) return;
    for (int i = 0; i < frame.length; i++) frame.data[i] = (uint8_t)~frame.data[i];
    send_frame(bus, 0x323, frame.data, frame.length);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    int bus = join_bus(arguments[1]), uart = open(arguments[2], O_RDWR | O_NOCTTY);
    struct termios raw;
    if (uart < 0 || tcgetattr(uart, &raw)) fail(arguments[2]);
    cfmakeraw(&raw);
    tcsetattr(uart, TCSANOW, &raw);
    struct pollfd ready[] = {{bus, POLLIN, 0}, {uart, POLLIN, 0}};
    for (uint32_t ticks = 0;;) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int left = 20 - (int)(now.tv_nsec / 1000000 % 20);
        if (!poll(ready, 2, left)) {
            char line[32];
            ticks++;
            send_frame(bus, 0x321, (uint8_t *)&ticks, 4);
            int size = snprintf(line, sizeof line, "ticks=%u\n", ticks);
            if (write(uart, line, (size_t)size) != size) fail("uart");
        }
        if (ready[0].revents) hear(bus);
        if (ready[1].revents) {
            char text[64];
            ssize_t size = read(uart, text, sizeof text);
            if (size >= 5 && !memcmp(text, "ping\n", 5) && write(uart, "pong=1\n", 7) != 7) fail("uart");
        }
    }
}
