/*
 * Many UDP sockets read at once: optional, for Linux; see docs/decisions/0011-native-sockets.md.
 *
 * One `Sockets` object for each media worker. Each call has a socket of its own; `receive` asks the kernel which of them have something and reads
 * that into the caller's memory, without a turn of the event loop or an object for each datagram. `send` goes out at once.
 * Nothing here parses anything: bytes go to TypeScript as they came.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <node_api.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONGEST_DATAGRAM 2048
#define EVENTS 512

typedef struct {
  int fd;
  int family;
  struct sockaddr_storage from;
  socklen_t from_length;
  struct sockaddr_storage to;
  socklen_t to_length;
} Socket;

typedef struct {
  int epoll;
  Socket *sockets;
  uint32_t size;
} Sockets;

static napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

/* The object's own data; NULL, with an exception pending, when the arguments are wrong. */
static Sockets *open_of(napi_env env, napi_callback_info info, size_t wanted, napi_value *arguments) {
  napi_value self;
  size_t count = wanted;
  Sockets *all = NULL;
  if (napi_get_cb_info(env, info, &count, arguments, &self, NULL) != napi_ok || count < wanted ||
      napi_unwrap(env, self, (void **)&all) != napi_ok || all == NULL) {
    napi_throw_type_error(env, NULL, "too few arguments, or not a Sockets object");
    return NULL;
  }
  return all;
}

static Socket *socket_of(napi_env env, Sockets *all, napi_value handle) {
  uint32_t index;
  if (napi_get_value_uint32(env, handle, &index) != napi_ok || index >= all->size || all->sockets[index].fd < 0) {
    napi_throw_range_error(env, NULL, "no such socket is open");
    return NULL;
  }
  return &all->sockets[index];
}

/* 0 when `text` is no numeric address. */
static socklen_t read_address(napi_env env, napi_value text, napi_value port, struct sockaddr_storage *to) {
  char address[INET6_ADDRSTRLEN + 1];
  size_t length;
  uint32_t number;
  memset(to, 0, sizeof *to);
  if (napi_get_value_string_utf8(env, text, address, sizeof address, &length) != napi_ok ||
      napi_get_value_uint32(env, port, &number) != napi_ok || number > 65535)
    return 0;
  struct sockaddr_in *v4 = (struct sockaddr_in *)to;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
  if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)number);
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)number);
    return sizeof *v6;
  }
  return 0;
}

/* bind(address, port): the socket's number, or the error's, negative. */
static napi_value bind_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Sockets *all = open_of(env, info, 2, arguments);
  if (all == NULL) return NULL;
  struct sockaddr_storage own;
  socklen_t length = read_address(env, arguments[0], arguments[1], &own);
  if (length == 0) return number(env, -EINVAL);

  uint32_t index = 0;
  while (index < all->size && all->sockets[index].fd >= 0) index++;
  if (index == all->size) {
    uint32_t size = all->size == 0 ? 64 : all->size * 2;
    Socket *larger = realloc(all->sockets, size * sizeof *larger);
    if (larger == NULL) return number(env, -ENOMEM);
    for (uint32_t added = all->size; added < size; added++) larger[added].fd = -1;
    all->sockets = larger;
    all->size = size;
  }

  int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return number(env, -errno);
  int only_v6 = 0;
  if (own.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
  if (bind(fd, (struct sockaddr *)&own, length) < 0 || epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
    int error = errno;
    close(fd);
    return number(env, -error);
  }
  all->sockets[index] = (Socket){.fd = fd, .family = own.ss_family};
  return number(env, index);
}

/* close(socket) */
static napi_value close_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  Sockets *all = open_of(env, info, 1, arguments);
  if (all == NULL) return NULL;
  Socket *one = socket_of(env, all, arguments[0]);
  if (one == NULL) return NULL;
  close(one->fd);
  one->fd = -1;
  return NULL;
}

/*
 * receive(bytes, facts): reads what has come into `bytes`, no more than fits, one datagram of a socket at a time; returns how many. `facts` gets four
 * numbers of each: the socket, where in `bytes` it begins and ends, and whether it is from elsewhere than the one before it.
 */
static napi_value receive(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Sockets *all = open_of(env, info, 2, arguments);
  if (all == NULL) return NULL;
  uint8_t *bytes;
  int32_t *facts;
  size_t room, most;
  napi_typedarray_type bytes_type, facts_type;
  if (napi_get_typedarray_info(env, arguments[0], &bytes_type, &room, (void **)&bytes, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, arguments[1], &facts_type, &most, (void **)&facts, NULL, NULL) != napi_ok ||
      bytes_type != napi_uint8_array || facts_type != napi_int32_array) {
    napi_throw_type_error(env, NULL, "receive(bytes: Uint8Array, facts: Int32Array)");
    return NULL;
  }
  struct epoll_event events[EVENTS];
  size_t limit = most / 4 < EVENTS ? most / 4 : EVENTS;
  size_t at = 0;
  uint32_t count = 0;
  if (limit == 0) return number(env, 0);
  int ready = epoll_wait(all->epoll, events, (int)limit, 0);
  for (int i = 0; i < ready && at + LONGEST_DATAGRAM <= room; i++) {
    uint32_t index = events[i].data.u32;
    if (index >= all->size || all->sockets[index].fd < 0) continue;
    Socket *one = &all->sockets[index];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(one->fd, bytes + at, LONGEST_DATAGRAM, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    /* An error that the network reported of what was sent: reading it clears it. */
    if (got < 0) continue;
    int changed = length != one->from_length || memcmp(&from, &one->from, length) != 0;
    if (changed) {
      memcpy(&one->from, &from, length);
      one->from_length = length;
    }
    int32_t *fact = facts + 4 * count++;
    fact[0] = (int32_t)index;
    fact[1] = (int32_t)at;
    fact[2] = (int32_t)(at + (size_t)got);
    fact[3] = changed;
    at += ((size_t)got + 15) & ~(size_t)15;
  }
  return number(env, count);
}

/* source(socket): [address, port] of the datagram that it read last; undefined before the first. */
static napi_value source(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  Sockets *all = open_of(env, info, 1, arguments);
  if (all == NULL) return NULL;
  Socket *one = socket_of(env, all, arguments[0]);
  if (one == NULL || one->from_length == 0) return NULL;
  char text[INET6_ADDRSTRLEN];
  uint16_t port;
  if (one->from.ss_family == AF_INET) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&one->from;
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    port = ntohs(v4->sin_port);
  } else {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&one->from;
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    port = ntohs(v6->sin6_port);
  }
  napi_value result, address;
  napi_create_array_with_length(env, 2, &result);
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &address);
  napi_set_element(env, result, 0, address);
  napi_set_element(env, result, 1, number(env, port));
  return result;
}

/* target(socket, address, port): where `send` sends to from now on; false when that is no numeric address of its family. */
static napi_value target(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result;
  Sockets *all = open_of(env, info, 3, arguments);
  if (all == NULL) return NULL;
  Socket *one = socket_of(env, all, arguments[0]);
  if (one == NULL) return NULL;
  one->to_length = read_address(env, arguments[1], arguments[2], &one->to);
  if (one->to_length > 0 && one->to.ss_family != one->family) one->to_length = 0;
  napi_get_boolean(env, one->to_length > 0, &result);
  return result;
}

/* send(socket, bytes): 0, or the error's number. */
static napi_value send_datagram(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Sockets *all = open_of(env, info, 2, arguments);
  if (all == NULL) return NULL;
  Socket *one = socket_of(env, all, arguments[0]);
  if (one == NULL) return NULL;
  uint8_t *bytes;
  size_t length;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, arguments[1], &type, &length, (void **)&bytes, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "send(socket, bytes: Uint8Array)");
    return NULL;
  }
  if (one->to_length == 0) return number(env, EDESTADDRREQ);
  ssize_t sent = sendto(one->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&one->to, one->to_length);
  return number(env, sent < 0 ? errno : 0);
}

static void close_all(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Sockets *all = data;
  for (uint32_t index = 0; index < all->size; index++)
    if (all->sockets[index].fd >= 0) close(all->sockets[index].fd);
  close(all->epoll);
  free(all->sockets);
  free(all);
}

/* open(): a Sockets object. What it has open is closed with it. */
static napi_value open_sockets(napi_env env, napi_callback_info info) {
  (void)info;
  Sockets *all = calloc(1, sizeof *all);
  if (all == NULL) return NULL;
  all->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (all->epoll < 0) {
    free(all);
    napi_throw_error(env, NULL, strerror(errno));
    return NULL;
  }
  napi_property_descriptor methods[] = {
      {"bind", NULL, bind_socket, NULL, NULL, NULL, napi_default, NULL},
      {"close", NULL, close_socket, NULL, NULL, NULL, napi_default, NULL},
      {"receive", NULL, receive, NULL, NULL, NULL, napi_default, NULL},
      {"source", NULL, source, NULL, NULL, NULL, napi_default, NULL},
      {"target", NULL, target, NULL, NULL, NULL, napi_default, NULL},
      {"send", NULL, send_datagram, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_value object;
  napi_create_object(env, &object);
  napi_define_properties(env, object, sizeof methods / sizeof *methods, methods);
  if (napi_wrap(env, object, all, close_all, NULL, NULL) != napi_ok) {
    close_all(env, all, NULL);
    napi_throw_error(env, NULL, "the sockets cannot be kept");
    return NULL;
  }
  return object;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, open_sockets, NULL, &function);
  napi_set_named_property(env, exports, "open", function);
  return exports;
}
