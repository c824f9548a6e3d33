/* The fan's controller on this machine: a node of the simulated CAN bus.
 *
 *     fan BUS
 *
 * On the target, a file like this one has the CAN controller's driver and the timer. The bus is a
 * Unix socket, and a frame on it a record of 80 bytes: docs/virtual-bus.md.
 */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fan.h"

enum { ENGINE_STATUS = 0x100, FAN_STATUS = 0x210 };

struct greeting {
    char magic[8];
    uint32_t version, flags;
    char name[48];
};

struct record {
    int64_t t_ns;
    uint32_t can_id;
    uint8_t length, flags;
    uint16_t reserved;
    uint8_t data[64];
};

static int join(const char *bus) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct greeting hello = {.version = 1, .name = "fan"}, welcome;
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "firmware-sim/%s", bus);
    int size = (int)offsetof(struct sockaddr_un, sun_path) + 1 + length;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(hello.magic, "FWSIMBUS", sizeof hello.magic);
    if (connect(fd, (struct sockaddr *)&address, (socklen_t)size) ||
        write(fd, &hello, sizeof hello) != sizeof hello ||
        recv(fd, &welcome, sizeof welcome, MSG_WAITALL) != sizeof welcome)
        return -1;
    return fd;
}

static uint32_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

int main(int count, char **arguments) {
    int bus = count == 2 ? join(arguments[1]) : -1;
    struct fan fan = {0};
    if (bus < 0) {
        perror("fan: cannot join the bus");
        return 2;
    }
    for (uint32_t due_ms = now_ms();;) {
        struct pollfd ready = {bus, POLLIN, 0};
        int left_ms = (int)(due_ms - now_ms());
        if (left_ms > 0 && poll(&ready, 1, left_ms)) {
            struct record frame;
            if (recv(bus, &frame, sizeof frame, MSG_WAITALL) != sizeof frame) return 0;
            if (frame.can_id == ENGINE_STATUS && frame.length >= 2) {
                int raw = frame.data[0] | (frame.data[1] & 0x0F) << 8;
                fan_temperature(&fan, (int16_t)(raw - 400), now_ms());
            }
            continue;
        }
        struct fan_status status = fan_step(&fan, now_ms());
        struct record frame = {.can_id = FAN_STATUS, .length = 2};
        frame.data[0] = status.duty;
        frame.data[1] = status.temperature_lost;
        if (write(bus, &frame, sizeof frame) != sizeof frame) return 0;
        due_ms += FAN_CYCLE_MS;
    }
}
