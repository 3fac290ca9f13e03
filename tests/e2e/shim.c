/* What a disk may do, put between a process and its files under SHIM_FOLDER (LD_PRELOAD).
 *
 * SHIM_FAIL=5      writes and syncs there fail with EIO so often of a hundred; one line of SHIM_LOG for each
 * SHIM_LOG=file    without SHIM_FAIL: one line for each thing that changes a file: monotonic ns, what, path, offset, size
 *
 * The log is written with one write(2) in append mode, so that a kill loses no line and mixes none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char folder[512];
static size_t folder_length;
static int log_fd = -1, fail_percent = 0, ready = 0;
static unsigned long long state;

static void setup(void) {
    if (ready) return;
    ready = 1;
    const char *name = getenv("SHIM_FOLDER"), *log = getenv("SHIM_LOG"), *fail = getenv("SHIM_FAIL");
    if (!name) return;
    snprintf(folder, sizeof folder, "%s", name);
    folder_length = strlen(folder);
    if (fail) fail_percent = atoi(fail);
    if (log) log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd >= 0) { int high = fcntl(log_fd, F_DUPFD_CLOEXEC, 900); if (high >= 0) { close(log_fd); log_fd = high; } }
    state = (unsigned long long)getpid() * 2654435761u + 88172645463325252ull;
}

__attribute__((constructor)) static void begin(void) { setup(); }

/* The path of a descriptor when it is one of ours, else NULL. */
static const char *ours(int fd, char *path) {
    char link[64];
    setup();
    if (!folder_length || fd == log_fd) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, 1023);
    if (size <= 0) return NULL;
    path[size] = 0;
    return strncmp(path, folder, folder_length) == 0 ? path : NULL;
}

static void say(const char *what, const char *path, long long offset, long long size) {
    char line[1300];
    struct timespec now;
    if (log_fd < 0) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(line, sizeof line, "%lld %s %lld %lld %s\n", now.tv_sec * 1000000000ll + now.tv_nsec, what, offset, size, path);
    syscall(SYS_write, log_fd, line, (size_t)length);
}

static int fails(const char *what, const char *path) {
    if (!fail_percent || strstr(path, ".lock")) return 0;
    unsigned long long x = __atomic_add_fetch(&state, 0x9E3779B97F4A7C15ull, __ATOMIC_RELAXED);
    x ^= x >> 31; x *= 0xBF58476D1CE4E5B9ull; x ^= x >> 29;
    if ((int)(x % 100) >= fail_percent) return 0;
    say(what, path, 0, 0);
    errno = EIO;
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) {
    char path[1024];
    const char *mine = ours(fd, path);
    if (mine && fails("write", mine)) return -1;
    off_t at = mine && !fail_percent ? lseek(fd, 0, SEEK_END) : 0;  /* (journal files are only appended to) */
    ssize_t done = syscall(SYS_write, fd, data, size);
    if (mine && !fail_percent && done > 0) say("write", mine, at, done);
    return done;
}

static ssize_t put(int fd, const void *data, size_t size, off_t at) {
    char path[1024];
    const char *mine = ours(fd, path);
    if (mine && fails("pwrite", mine)) return -1;
    ssize_t done = syscall(SYS_pwrite64, fd, data, size, at);
    if (mine && !fail_percent && done > 0) say("write", mine, at, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return put(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) { return put(fd, data, size, at); }

static int synced(int fd, long number) {
    char path[1024];
    const char *mine = ours(fd, path);
    if (mine && fails("sync", mine)) return -1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);  /* what was written before it began is safe when it returns */
    struct stat found;
    long long size = mine && fstat(fd, &found) == 0 ? found.st_size : 0;
    int result = (int)syscall(number, fd);
    if (mine && !fail_percent && result == 0) say("sync", mine, now.tv_sec * 1000000000ll + now.tv_nsec, size);
    return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int cut(int fd, off_t size) {
    char path[1024];
    const char *mine = ours(fd, path);
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (mine && !fail_percent && result == 0) say("cut", mine, 0, size);
    return result;
}
int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }
