// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <sys/resource.h>
#include <time.h>

uint64_t fet_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double fet_clock_monotonic_s(void)
{
    return (double)fet_clock_ns() * 1e-9;
}

double fet_clock_wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double used_s(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) != 0) return 0.0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

double fet_clock_cpu_s(void)
{
    return used_s(RUSAGE_SELF) + used_s(RUSAGE_CHILDREN);
}

void fet_clock_sleep_s(double seconds)
{
    if (seconds <= 0) return;
    struct timespec wait = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&wait, NULL);
}
