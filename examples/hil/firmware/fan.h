/* The fan's controller: what it does, without any hardware. */
#ifndef FAN_H
#define FAN_H

#include <stdbool.h>
#include <stdint.h>

enum { FAN_CYCLE_MS = 50, FAN_TEMPERATURE_LOST_MS = 300 };

struct fan {
    int16_t temperature;     /* 0.1 degC */
    uint32_t heard_ms;       /* when it came last */
    bool ever_heard;
};

struct fan_status {
    uint8_t duty;            /* 0.5 %: 0..200 */
    bool temperature_lost;
};

/* The engine's ECU said how hot it is. */
void fan_temperature(struct fan *fan, int16_t temperature, uint32_t now_ms);

/* What the fan does now. Without a temperature it runs at full speed. */
struct fan_status fan_step(const struct fan *fan, uint32_t now_ms);

#endif
