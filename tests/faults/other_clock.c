/* Copyright: OpenMRS Event Log contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into a process: its clock is SHIFT_FILE's number of seconds ahead, and no time server sets it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int real_clock(clockid_t which, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  return real(which, now);
}

/* The file is read again ten times a second at most; all processes see the clock leap at about the same time. */
static long shift(void) {
  static volatile long kept, looked;
  struct timespec now;
  real_clock(CLOCK_MONOTONIC, &now);
  long tenth = now.tv_sec * 10 + now.tv_nsec / 100000000L;
  if (tenth != looked) {
    int before = errno;
    char text[32] = {0};
    looked = tenth;
    int file = open(SHIFT_FILE, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
      if (read(file, text, sizeof text - 1) > 0) kept = atol(text);
      close(file);
    }
    errno = before;
  }
  return kept;
}

int clock_gettime(clockid_t which, struct timespec *now) {
  int done = real_clock(which, now);
  if (!done && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}

int adjtimex(struct timex *given) {
  (void)given;
  return TIME_ERROR;
}
