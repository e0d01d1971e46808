// Position, velocity and acceleration of one dimension, and whether a configuration can keep them.
#include "internal.h"

#include <algorithm>
#include <cmath>

namespace eng_rt {

// Braking by a·T each tick from u·a·T covers a·T²·(n·u − n(n−1)/2) with n = ⌈u⌉ ticks that still move; solved for u.
double brake(double distance, double acceleration, double period) {
    if (!(distance > 0)) return 0;
    if (std::isinf(acceleration) || std::isinf(distance)) return distance / period;
    double steps = distance / (acceleration * period * period);
    double n = std::max(1.0, std::ceil((std::sqrt(1 + 8 * steps) - 1) / 2));
    return (steps / n + (n - 1) / 2) * acceleration * period;
}

double limit(const eng_rt_dimension& dimension, const Axis& axis, double wanted, double period, uint32_t& limited) {
    double change = dimension.acceleration * period * (1 + 1e-9);
    double v = std::clamp(wanted, -dimension.velocity, dimension.velocity);
    // Rounding is no reason to report a limit, nor to brake for one tick more.
    double slack = 1e-6 * std::abs(wanted) + 1e-12;
    if (std::abs(v - wanted) > slack) limited |= ENG_RT_AT_VELOCITY;
    double within = std::clamp(v, axis.velocity - change, axis.velocity + change);
    if (std::abs(within - v) > slack) limited |= ENG_RT_AT_ACCELERATION;
    double inside = std::clamp(within, -brake(axis.position - dimension.low, dimension.acceleration, period),
                               brake(dimension.high - axis.position, dimension.acceleration, period));
    if (std::abs(inside - within) > slack) limited |= ENG_RT_AT_POSITION;
    return inside;
}

int32_t check(const eng_rt_config& config) {
    if (config.width < 1 || config.width > ENG_RT_MAX_WIDTH) return fail(ENG_RT_EARGUMENT, "width is %d, expected 1 to %d", config.width, ENG_RT_MAX_WIDTH);
    if (config.horizon < 1 || config.horizon > ENG_RT_MAX_HORIZON)
        return fail(ENG_RT_EARGUMENT, "horizon is %d, expected 1 to %d", config.horizon, ENG_RT_MAX_HORIZON);
    if (!(config.rate >= 0.1 && config.rate <= 10000)) return fail(ENG_RT_EARGUMENT, "rate is %g Hz, expected 0.1 to 10000", config.rate);
    if (config.ticks_per_action < 1 || config.ticks_per_action > 10000)
        return fail(ENG_RT_EARGUMENT, "ticks per action are %d, expected 1 to 10000", config.ticks_per_action);
    if (config.hold_ticks < 0 || config.hold_ticks > 1000000 || config.ramp_ticks < 0 || config.ramp_ticks > 1000000)
        return fail(ENG_RT_EARGUMENT, "hold and ramp are %d and %d ticks, expected 0 to 1000000", config.hold_ticks, config.ramp_ticks);
    if (config.heartbeat_ns < 0 || config.observation_ns < 0) return fail(ENG_RT_EARGUMENT, "the heartbeat's or the observation's greatest age is negative");
    for (int32_t i = 0; i < config.width; i++) {
        const eng_rt_dimension& d = config.dimensions[i];
        if (d.kind < ENG_RT_DELTA || d.kind > ENG_RT_SWITCH) return fail(ENG_RT_EARGUMENT, "dimension %d has kind %d, expected 0 to 2", i, d.kind);
        if (!(d.low < d.high)) return fail(ENG_RT_EARGUMENT, "dimension %d: the box is %g to %g, expected low below high", i, d.low, d.high);
        if (d.kind == ENG_RT_SWITCH) {
            if (!std::isnan(d.safe) && !(d.safe >= d.low && d.safe <= d.high))
                return fail(ENG_RT_EARGUMENT, "dimension %d: the safe value %g is outside %g to %g", i, d.safe, d.low, d.high);
            continue;
        }
        if (!(d.velocity > 0) || !(d.acceleration > 0))
            return fail(ENG_RT_EARGUMENT, "dimension %d: velocity %g and acceleration %g, expected positive numbers", i, d.velocity, d.acceleration);
        if (std::isinf(d.acceleration)) continue;
        if (std::isinf(d.velocity)) return fail(ENG_RT_EARGUMENT, "dimension %d: an acceleration limit needs a velocity limit", i);
        double needed = std::ceil(d.velocity / d.acceleration * config.rate - 1e-6);
        if (config.ramp_ticks < needed)
            return fail(ENG_RT_EARGUMENT, "dimension %d cannot stop from %g within %d ramp ticks at an acceleration of %g; %.0f are needed", i, d.velocity,
                        config.ramp_ticks, d.acceleration, needed);
    }
    return ENG_RT_OK;
}

}  // namespace eng_rt
