/*
 * Loaded before the C library (LD_PRELOAD): a disk that is slow, full or read-only, for one folder of one process, and from one moment to the next.
 * FAULTY_DISK_FOLDER names the folder, FAULTY_DISK_CONTROL a file of two bytes: what is wrong, and how long a write takes when it is slow, in tenths of
 * a second.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SOUND, SLOW, FULL, READ_ONLY };

static volatile unsigned char *control;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULTY_DISK_CONTROL");
  folder = getenv("FAULTY_DISK_FOLDER");
  int file = path == NULL || folder == NULL ? -1 : open(path, O_RDONLY);
  if (file < 0) return;
  void *map = mmap(NULL, 2, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (map != MAP_FAILED) control = map;
}

static int is_inside(const char *path) { return strncmp(path, folder, strlen(folder)) == 0; }

/* What a change of `path` comes to: an errno, or 0. Only what is written in bulk is slow: the records' small writes stay in the page cache. */
static int fault_at(const char *path) {
  if (!is_inside(path)) return 0;
  switch (control[0]) {
    case SLOW:
      if (strstr(path, "/recordings/") != NULL) usleep(control[1] * 100000u);
      return 0;
    case FULL:
      return ENOSPC;
    case READ_ONLY:
      return EROFS;
    default:
      return 0;
  }
}

static int fault_of(int file) {
  char link[64], path[4096];
  if (control == NULL || control[0] == SOUND) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fault_at(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define GUARDED(name, file, call)          \
  do {                                     \
    static __typeof__(&name) real;         \
    int fault = fault_of(file);            \
    if (real == NULL) real = REAL(name);   \
    if (fault == 0) return real call;      \
    errno = fault;                         \
    return -1;                             \
  } while (0)

ssize_t write(int file, const void *bytes, size_t count) { GUARDED(write, file, (file, bytes, count)); }
ssize_t writev(int file, const struct iovec *parts, int count) { GUARDED(writev, file, (file, parts, count)); }
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  GUARDED(pwrite, file, (file, bytes, count, at));
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  GUARDED(pwrite64, file, (file, bytes, count, at));
}
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
  GUARDED(pwritev, file, (file, parts, count, at));
}
ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) {
  GUARDED(pwritev64, file, (file, parts, count, at));
}
int fsync(int file) { GUARDED(fsync, file, (file)); }
int fdatasync(int file) { GUARDED(fdatasync, file, (file)); }

static int opens(const char *path, int flags) {
  int changes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
  if (control == NULL || control[0] < FULL || !changes) return 0;
  return fault_at(path);
}

#define OPENS(name)                                                   \
  int name(const char *path, int flags, ...) {                        \
    va_list arguments;                                                \
    va_start(arguments, flags);                                       \
    mode_t mode = va_arg(arguments, mode_t);                          \
    va_end(arguments);                                                \
    int fault = opens(path, flags);                                   \
    if (fault == 0) return REAL(name)(path, flags, mode);             \
    errno = fault;                                                    \
    return -1;                                                        \
  }
OPENS(open)
OPENS(open64)

int access(const char *path, int wanted) {
  if (control != NULL && control[0] == READ_ONLY && (wanted & W_OK) != 0 && is_inside(path)) {
    errno = EROFS;
    return -1;
  }
  return REAL(access)(path, wanted);
}
