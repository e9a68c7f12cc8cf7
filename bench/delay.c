/* delay <port> <target port> <microseconds>: passes bytes on between two ports of the loopback address, each as long
 * after it came as is told, in both directions. A far server, without a far network. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define MOST 512

struct chunk {
  struct chunk *next;
  long long due;
  size_t size, sent;
  char bytes[];
};

/* One direction of a connection: what came from `from` is on its way to `to`. */
struct way {
  int from, to, ended, blocked;
  struct chunk *first, *last;
};

static struct way ways[MOST];
static int count;

static long long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

static struct sockaddr_in local(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void prepare(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void take(int listener, int target) {
  int client = accept(listener, NULL, NULL);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = local(target);
  if (client < 0 || count + 2 > MOST || connect(server, (struct sockaddr *)&address, sizeof address) != 0) {
    close(client);
    close(server);
    return;
  }
  prepare(client);
  prepare(server);
  ways[count++] = (struct way){.from = client, .to = server};
  ways[count++] = (struct way){.from = server, .to = client};
}

static void receive(struct way *way, long long delay) {
  static char bytes[CHUNK];
  ssize_t size = read(way->from, bytes, CHUNK);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    way->ended = 1;
    return;
  }
  struct chunk *chunk = malloc(sizeof *chunk + size);
  *chunk = (struct chunk){.due = now() + delay, .size = size};
  memcpy(chunk->bytes, bytes, size);
  if (way->first == NULL) way->first = chunk;
  else way->last->next = chunk;
  way->last = chunk;
}

static void pass(struct way *way, long long at) {
  way->blocked = 0;
  while (way->first != NULL && way->first->due <= at) {
    struct chunk *chunk = way->first;
    ssize_t size = write(way->to, chunk->bytes + chunk->sent, chunk->size - chunk->sent);
    if (size < 0) {
      way->blocked = errno == EAGAIN;
      way->ended |= errno != EAGAIN && errno != EINTR;
      return;
    }
    chunk->sent += size;
    if (chunk->sent < chunk->size) continue;
    way->first = chunk->next;
    free(chunk);
  }
  if (way->ended && way->first == NULL) shutdown(way->to, SHUT_WR);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  long long delay = atoll(argv[3]);
  struct sockaddr_in address = local(atoi(argv[1]));
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) return 1;
  puts("{\"ready\":true}");
  fflush(stdout);
  for (;;) {
    struct pollfd fds[MOST + 1] = {{.fd = listener, .events = POLLIN}};
    long long next = -1;
    for (int i = 0; i < count; i++) {
      struct way *way = &ways[i];
      int other = i ^ 1;
      fds[i + 1].fd = way->from;
      fds[i + 1].events = (way->ended ? 0 : POLLIN) | (ways[other].blocked ? POLLOUT : 0);
      if (fds[i + 1].events == 0) fds[i + 1].fd = -1;
      if (way->first != NULL && !way->blocked && (next < 0 || way->first->due < next)) next = way->first->due;
    }
    long long wait = next < 0 ? 1000000 : next - now();
    struct timespec left = {.tv_sec = wait > 0 ? wait / 1000000 : 0, .tv_nsec = wait > 0 ? wait % 1000000 * 1000 : 0};
    int some = count;
    if (ppoll(fds, count + 1, &left, NULL) < 0 && errno != EINTR) return 1;
    for (int i = 0; i < some; i++) {
      if (fds[i + 1].fd >= 0 && fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR) && !ways[i].ended) receive(&ways[i], delay);
    }
    for (int i = 0; i < some; i++) pass(&ways[i], now());
    if (fds[0].revents & POLLIN) take(listener, atoi(argv[2]));
  }
}
