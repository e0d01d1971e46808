// One tick: takes what is new in the ring, decides what is in effect, keeps the limits, publishes.
#include "internal.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

using namespace eng_rt;

void eng_rt_tick::step(int64_t now_ns) {
    int64_t elapsed = now == 0 ? 1 : std::max<int64_t>(1, (now_ns - now) / period);
    now = now_ns;
    take_requests();
    take_anchor();
    take_chunk();
    choose(elapsed);
    publication.limited = 0;
    if (status.state != ENG_RT_WAITING) move();
    publish();
}

void eng_rt_tick::take_requests() {
    status.writer = is_locked_elsewhere(file, 1);
    uint64_t stop = load(at<uint64_t>(kStops)), resume = load(at<uint64_t>(kResumes)), beat = load(at<uint64_t>(kBeats));
    if (std::exchange(resumes, resume) != resume) {
        resumed = true;
        latched = stopping = false;
    }
    if (std::exchange(stops, stop) != stop || ending.load(std::memory_order_relaxed)) {
        stopping = latched = true;
        resumed = false;
    }
    // That it moved is what counts, and when this thread saw it: no other clock is trusted.
    if (std::exchange(beats, beat) != beat) alive = now;
}

// Counts each unfinished write once, however long its writer has been dead.
bool eng_rt_tick::is_torn(const uint64_t* guard, uint64_t before) {
    bool torn = before % 2 == 1 || !unchanged(guard, before);
    if (torn && std::exchange(torn_at, before) != before) status.torn++;
    return torn;
}

void eng_rt_tick::take_anchor() {
    const Anchor* from = at<Anchor>(kAnchor);
    uint64_t guard = load(&from->guard);
    if (guard == anchor) return;
    float position[ENG_RT_MAX_WIDTH];
    copy_in(position, from->position, 4 * static_cast<size_t>(config.width));
    if (is_torn(&from->guard, guard)) return;
    anchor = guard;
    bool sound = status.state == ENG_RT_WAITING || status.state == ENG_RT_STOPPED;
    for (int32_t i = 0; i < config.width; i++) sound = sound && position[i] >= config.dimensions[i].low && position[i] <= config.dimensions[i].high;
    if (!sound) {
        status.refused_anchor++;
        return;
    }
    for (int32_t i = 0; i < config.width; i++) axes[i] = {position[i], 0};
    anchored = true;
}

void eng_rt_tick::take_chunk() {
    uint64_t number = load(at<uint64_t>(kSubmitted));
    if (number == submitted) return;
    const ChunkHead* slot = chunk(number - 1, this->slot);
    ChunkHead head;
    head.guard = load(&slot->guard);
    copy_in(&head.sequence, &slot->sequence, sizeof head - sizeof head.guard);
    bool shaped = head.rows >= 1 && head.rows <= static_cast<uint32_t>(config.horizon) && head.width == static_cast<uint32_t>(config.width);
    if (shaped) copy_in(incoming.actions.get(), reinterpret_cast<const uint8_t*>(slot) + kChunkHead, 4 * head.rows * static_cast<size_t>(head.width));
    if (is_torn(&slot->guard, head.guard)) return;
    status.superseded += std::min<uint64_t>(number - submitted - 1, 1u << 20);
    submitted = number;
    if (!shaped) {
        status.refused_shape++;
        return;
    }
    if (!is_sound(head)) return;
    status.accepted++;
    status.chunk = head.sequence;
    alive = now;
    incoming.sequence = head.sequence;
    incoming.observed = head.observed;
    incoming.first = head.first;
    incoming.taken = now;
    incoming.rows = static_cast<int32_t>(head.rows);
    std::swap(incoming, pending);
}

bool eng_rt_tick::is_sound(const ChunkHead& head) {
    if (head.sequence <= status.chunk) {
        status.refused_stale++;
        return false;
    }
    const float* actions = incoming.actions.get();
    if (!std::all_of(actions, actions + head.rows * head.width, [](float value) { return std::isfinite(value); })) {
        status.refused_not_finite++;
        return false;
    }
    int64_t length = static_cast<int64_t>(head.rows) * config.ticks_per_action * period;
    bool is_old = config.observation_ns > 0 && head.observed != 0 && (head.observed < now - config.observation_ns || head.observed > now + period);
    if (is_old || (head.first != 0 && (head.first <= now - length || head.first > now + length))) {
        status.refused_time++;
        return false;
    }
    return true;
}

bool eng_rt_tick::is_fresh() {
    return status.writer != 0 && (config.heartbeat_ns == 0 || now - alive <= config.heartbeat_ns);
}

// Row by row at the action rate, from where the arm is: what a robot without this tick would be told.
bool eng_rt_tick::keeps_limits(const Chunk& chunk) const {
    double seconds = 1e-9 * static_cast<double>(config.ticks_per_action * period), slack = 1 + 1e-6;
    for (int32_t d = 0; d < config.width; d++) {
        const eng_rt_dimension& dimension = config.dimensions[d];
        Axis axis = axes[d];
        for (int32_t row = 0; row < chunk.rows; row++) {
            double value = chunk.actions[row * config.width + d];
            double position = dimension.kind == ENG_RT_DELTA ? axis.position + value : value, velocity = (position - axis.position) / seconds;
            if (position < dimension.low - 1e-6 || position > dimension.high + 1e-6) return false;
            if (dimension.kind == ENG_RT_SWITCH) continue;
            if (std::abs(velocity) > dimension.velocity * slack || std::abs(velocity - axis.velocity) > dimension.acceleration * seconds * slack) return false;
            axis = {position, velocity};
        }
    }
    return true;
}

bool eng_rt_tick::may_begin(Chunk& chunk) {
    if (chunk.rows == 0 || chunk.first > now) return false;
    int64_t seen = chunk.observed != 0 ? chunk.observed : chunk.taken;
    if (config.observation_ns > 0 && seen < now - config.observation_ns) status.refused_time++;
    else if (config.refuse && !keeps_limits(chunk)) status.refused_limits++;
    else return true;
    chunk.rows = 0;
    return false;
}

// The action of the active chunk that is due, or -1.
int64_t eng_rt_tick::index() const {
    if (active.rows == 0) return -1;
    int64_t at = (now - active.first) / (config.ticks_per_action * period);
    return at < active.rows ? at : -1;
}

void eng_rt_tick::leave(int32_t state, int32_t reason) {
    if (status.state == ENG_RT_RUNNING) {
        status.reason = reason;
        if (reason == ENG_RT_HEARTBEAT) status.heartbeats_lost++;
    }
    status.state = state;
    if (state == ENG_RT_HOLD) {
        status.holds++;
        held_for = 0;
    }
    if (state == ENG_RT_RAMP) {
        ramped_for = 0;
        for (int32_t i = 0; i < config.width; i++) ramp_from[i] = axes[i].velocity;
    }
}

void eng_rt_tick::choose(int64_t elapsed) {
    bool fresh = is_fresh(), moves = status.state != ENG_RT_WAITING && status.state != ENG_RT_STOPPED;
    bool wanted = moves ? !latched : resumed || (config.auto_resume && !latched);
    bool returns = status.state != ENG_RT_RAMP || config.auto_resume;  // from a ramp only by itself or not at all
    if (anchored && fresh && wanted && returns && may_begin(pending)) {
        std::swap(active, pending);
        pending.rows = 0;
        if (active.first == 0) active.first = now;
    }
    bool due = fresh && anchored && wanted && index() >= 0;

    if (status.state == ENG_RT_WAITING && anchored) status.state = ENG_RT_STOPPED;
    if (status.state == ENG_RT_STOPPED && due) {
        status.state = ENG_RT_RUNNING;
        resumed = false;
    }
    if (status.state == ENG_RT_RUNNING || status.state == ENG_RT_HOLD) {
        if (stopping) leave(ENG_RT_RAMP, ending ? ENG_RT_ENDING : ENG_RT_STOP_ASKED);
        else if (due) status.state = ENG_RT_RUNNING;
        else if (status.state == ENG_RT_RUNNING) leave(ENG_RT_HOLD, !status.writer ? ENG_RT_WRITER_GONE : !fresh ? ENG_RT_HEARTBEAT : ENG_RT_RAN_OUT);
    } else if (status.state == ENG_RT_RAMP && due && returns && !stopping) {
        status.state = ENG_RT_RUNNING;
    }
    if (status.state == ENG_RT_HOLD) {
        held_for += elapsed;
        if (held_for > config.hold_ticks) leave(ENG_RT_RAMP, status.reason);
    }
    if (status.state == ENG_RT_RAMP) {
        // Without ramp ticks this is the tick on which the arm stands: no limit keeps it from that (check() sees to it).
        bool still = config.ramp_ticks == 0 || std::all_of(axes, axes + config.width, [](const Axis& axis) { return axis.velocity == 0; });
        if (ramped_for >= config.ramp_ticks && still) {
            status.state = ENG_RT_STOPPED;
            status.stops++;
            active.rows = pending.rows = 0;
            stopping = false;
        } else {
            ramped_for += elapsed;
        }
    }
}

void eng_rt_tick::move() {
    double seconds = 1e-9 * static_cast<double>(period);
    int64_t row = status.state == ENG_RT_RUNNING ? index() : -1;
    if (row >= 0) std::memcpy(held, active.actions.get() + row * config.width, 4 * static_cast<size_t>(config.width));
    // Ticks that are left to reach an absolute target, this one included.
    int64_t left = row >= 0 ? config.ticks_per_action - (now - active.first) / period % config.ticks_per_action : 1;
    bool acts = status.state == ENG_RT_RUNNING || status.state == ENG_RT_HOLD;
    for (int32_t i = 0; i < config.width; i++) {
        const eng_rt_dimension& dimension = config.dimensions[i];
        Axis& axis = axes[i];
        if (dimension.kind == ENG_RT_SWITCH) {
            double value = acts ? held[i] : status.state == ENG_RT_STOPPED && anchored && !std::isnan(dimension.safe) ? dimension.safe : axis.position;
            axis.position = std::clamp(value, dimension.low, dimension.high);
            if (axis.position != value) publication.limited |= ENG_RT_AT_POSITION;
            publication.action[i] = publication.position[i] = static_cast<float>(axis.position);
            continue;
        }
        double wanted = 0;
        if (acts && dimension.kind == ENG_RT_DELTA) {
            wanted = held[i] / (seconds * config.ticks_per_action);
        } else if (acts) {
            wanted = (held[i] - axis.position) / (seconds * static_cast<double>(left));
            // Nothing follows: come to rest at the target, not beyond it.
            if (status.state == ENG_RT_HOLD) {
                double most = brake(std::abs(held[i] - axis.position), dimension.acceleration, seconds);
                wanted = std::clamp(wanted, -most, most);
            }
        } else if (status.state == ENG_RT_RAMP && ramped_for < config.ramp_ticks) {
            wanted = ramp_from[i] * (1 - static_cast<double>(ramped_for) / config.ramp_ticks);
            if (std::abs(wanted) > std::abs(axis.velocity)) wanted = axis.velocity;
        }
        uint32_t hit = 0;
        double velocity = limit(dimension, axis, wanted, seconds, hit);
        publication.limited |= hit;
        double step = velocity * seconds;
        if (dimension.kind == ENG_RT_DELTA) {
            // What is published is what is counted, rounded towards standing still.
            float rounded = static_cast<float>(step);
            if (std::abs(static_cast<double>(rounded)) > std::abs(step)) rounded = std::nextafter(rounded, 0.0f);
            step = rounded;
        }
        axis.velocity = step / seconds;
        axis.position = std::clamp(axis.position + step, dimension.low, dimension.high);
        publication.position[i] = static_cast<float>(axis.position);
        publication.action[i] = dimension.kind == ENG_RT_DELTA ? static_cast<float>(step) : publication.position[i];
    }
    publication.chunk = row >= 0 || status.state == ENG_RT_HOLD ? active.sequence : 0;
    publication.index = static_cast<int32_t>(row);
}

void eng_rt_tick::publish() {
    uint64_t number = ++status.ticks;
    status.time_ns = now;
    status.limited_position += (publication.limited & ENG_RT_AT_POSITION) != 0;
    status.limited_velocity += (publication.limited & ENG_RT_AT_VELOCITY) != 0;
    status.limited_acceleration += (publication.limited & ENG_RT_AT_ACCELERATION) != 0;
    publication.tick = number;
    publication.time_ns = now;
    publication.source = status.state;
    publication.width = static_cast<uint32_t>(config.width);
    Publication* to = eng_rt::Ring::publication(number);
    open_record(&to->guard);
    copy_out(&to->value, &publication, sizeof publication);
    close_record(&to->guard);
    Status* record = at<Status>(kStatus);
    open_record(&record->guard);
    copy_out(&record->value, &status, sizeof status);
    close_record(&record->guard);
    __atomic_store_n(at<uint64_t>(kNewest), number, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(at<uint32_t>(kSleepers), 0, __ATOMIC_SEQ_CST) != 0) wake(at<uint32_t>(kNewest));
}
