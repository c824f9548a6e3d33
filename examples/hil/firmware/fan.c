#include "fan.h"

enum { OFF_BELOW = 950, FULL_FROM = 1150, FULL = 200 };

void fan_temperature(struct fan *fan, int16_t temperature, uint32_t now_ms) {
    fan->temperature = temperature;
    fan->heard_ms = now_ms;
    fan->ever_heard = true;
}

struct fan_status fan_step(const struct fan *fan, uint32_t now_ms) {
    struct fan_status status = {0, false};
    if (!fan->ever_heard || now_ms - fan->heard_ms > FAN_TEMPERATURE_LOST_MS) {
        status.temperature_lost = true;
        status.duty = FULL;
    } else if (fan->temperature >= FULL_FROM) {
        status.duty = FULL;
    } else if (fan->temperature > OFF_BELOW) {
        status.duty = (uint8_t)((fan->temperature - OFF_BELOW) * FULL / (FULL_FROM - OFF_BELOW));
    }
    return status;
}
