/* The limit for `ipc.py`: what memcpy in and out of shared memory could move, with nothing around
 * it but two positions a lane. No lock, no waking, no account of anything; who finds a lane full or
 * empty yields the processor. */

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

struct lane {
    _Alignas(64) atomic_size_t put;
    _Alignas(64) atomic_size_t taken;
    _Alignas(64) unsigned char slots[];
};

/* Copy `times` batches of `size` bytes into a lane that has room for `depth` of them. */
void produce(struct lane *lane, size_t depth, const void *batch, size_t size, size_t times)
{
    size_t put = atomic_load_explicit(&lane->put, memory_order_relaxed);
    for (size_t end = put + times; put < end;) {
        if (put - atomic_load_explicit(&lane->taken, memory_order_acquire) == depth) {
            sched_yield();
            continue;
        }
        memcpy(lane->slots + put % depth * size, batch, size);
        atomic_store_explicit(&lane->put, ++put, memory_order_release);
    }
}

/* Copy batches out of several lanes, whichever have some, until `times` have been copied. */
void consume(struct lane **lanes, size_t count, size_t depth, void *batch, size_t size, size_t times)
{
    while (times) {
        int found = 0;
        for (size_t i = 0; i < count && times; i++) {
            struct lane *lane = lanes[i];
            size_t taken = atomic_load_explicit(&lane->taken, memory_order_relaxed);
            if (taken == atomic_load_explicit(&lane->put, memory_order_acquire))
                continue;
            memcpy(batch, lane->slots + taken % depth * size, size);
            atomic_store_explicit(&lane->taken, taken + 1, memory_order_release);
            found = 1;
            times--;
        }
        if (!found)
            sched_yield();
    }
}
