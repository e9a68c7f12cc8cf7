/* The rows of the benchmark as a C program on hiredis does them: the same bytes, pipelined by hand.
 * limit <host> <port> <microseconds> <in flight or 0> <burst or 0> <command> [argument …]
 * Prints CPU in microseconds for one operation, and operations per second. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

static double micros(struct timeval time) { return time.tv_sec * 1e6 + time.tv_usec; }

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

static double now(void) {
  struct timeval time;
  gettimeofday(&time, NULL);
  return micros(time);
}

static void die(const char *what) {
  fprintf(stderr, "limit: %s\n", what);
  exit(1);
}

static void take(redisContext *context, void **reply) {
  if (redisGetReply(context, reply) != REDIS_OK || *reply == NULL) die(context->errstr);
}

int main(int count, char **words) {
  if (count < 7) die("arguments are missing");
  double time = atof(words[3]);
  int in_flight = atoi(words[4]), burst = atoi(words[5]);
  redisContext *context = redisConnect(words[1], atoi(words[2]));
  if (context == NULL || context->err) die("no connection");
  char *command;
  int length = (int)redisFormatCommandArgv(&command, count - 6, (const char **)words + 6, NULL);
  long done = 0;
  void *reply;
  double cpu_before = 0, began = 0;
  /* The first third warms up. */
  for (int part = 0; part < 2; part++) {
    done = 0;
    cpu_before = cpu();
    began = now();
    double end = began + (part == 0 ? time / 2 : time);
    if (burst > 0) {
      while (now() < end) {
        for (int at = 0; at < burst; at++) redisAppendFormattedCommand(context, command, length);
        for (int at = 0; at < burst; at++) {
          take(context, &reply);
          freeReplyObject(reply);
        }
        done += burst;
      }
    } else {
      int outstanding = 0;
      for (; outstanding < in_flight; outstanding++) redisAppendFormattedCommand(context, command, length);
      while (now() < end) {
        take(context, &reply);
        /* What came with it, in one read: as many commands leave in the next write. */
        do {
          freeReplyObject(reply);
          done++;
          redisAppendFormattedCommand(context, command, length);
          if (redisGetReplyFromReader(context, &reply) != REDIS_OK) die(context->errstr);
        } while (reply != NULL);
      }
      for (; outstanding > 0; outstanding--) {
        take(context, &reply);
        freeReplyObject(reply);
      }
    }
  }
  printf("{\"cpu\": %.4f, \"rate\": %.0f}\n", (cpu() - cpu_before) / done, done / ((now() - began) / 1e6));
  return 0;
}
