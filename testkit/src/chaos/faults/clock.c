/* glibc's cnd_timedwait, with which librdkafka waits, for a process that libfaketime shows another time of day: what glibc calls
   from within is not libfaketime's to answer, so that a deadline of the one clock would be compared with the other. As with a
   clock that really jumps, a wait that has begun ends when the new time says so. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <threads.h>
#include <time.h>

static const long long SECOND_NS = 1000000000;
/* A jump is noticed after as long, at most. */
static const long long LOOK_NS = 10000000;

static long long ns(const struct timespec *time) { return time->tv_sec * SECOND_NS + time->tv_nsec; }

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *deadline) {
  for (;;) {
    struct timespec now, look;
    clock_gettime(CLOCK_REALTIME, &now);
    long long left = ns(deadline) - ns(&now);
    if (left <= 0) return thrd_timedout;
    clock_gettime(CLOCK_MONOTONIC, &look);
    long long until = ns(&look) + (left < LOOK_NS ? left : LOOK_NS);
    look = (struct timespec){.tv_sec = until / SECOND_NS, .tv_nsec = until % SECOND_NS};
    /* glibc's cnd_t and mtx_t are these. */
    int error =
        pthread_cond_clockwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, CLOCK_MONOTONIC, &look);
    if (error != ETIMEDOUT) return error == 0 ? thrd_success : thrd_error;
  }
}
