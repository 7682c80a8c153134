#define _GNU_SOURCE
#include "faulty_disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum call_kind { CALL_OPEN = 1, CALL_WRITE, CALL_TRUNCATE, CALL_SYNC, CALL_RENAME, CALL_UNLINK };
enum fault { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_TORN, FAULT_KILL, FAULT_TORN_KILL };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static int trace = -1;
static long fault_at;
static enum fault fault_kind;
static long calls;
static int disk_is_full;

__attribute__((constructor)) static void begin(void) {
    root = getenv("FAULTY_ROOT");
    const char *trace_path = getenv("FAULTY_TRACE");
    if (trace_path) trace = (int)syscall(SYS_openat, AT_FDCWD, trace_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const char *at = getenv("FAULTY_AT");
    const char *kind = getenv("FAULTY_KIND");
    if (!at || !kind) return;
    fault_at = atol(at);
    static const char *names[] = {"", "eio", "enospc", "torn", "kill", "torn_kill"};
    for (int index = 1; index < 6; index++)
        if (strcmp(kind, names[index]) == 0) fault_kind = (enum fault)index;
}

static int is_watched_path(const char *path) {
    return root && strncmp(path, root, strlen(root)) == 0 && !strstr(path, "-shm") && !strstr(path, "/lock") &&
           !strstr(path, "/stderr");
}

// Fills `path` when the descriptor is one of a file that is watched.
static int is_watched(int descriptor, char path[PATH_MAX]) {
    if (!root) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, path, PATH_MAX - 1);
    if (count <= 0) return 0;
    path[count] = 0;
    return is_watched_path(path);
}

static void trace_bytes(const void *bytes, size_t count) {
    const char *rest = bytes;
    while (count > 0) {
        ssize_t written = syscall(SYS_write, trace, rest, count);
        if (written <= 0) abort();
        rest += written;
        count -= (size_t)written;
    }
}

// kind, length of the path, offset, count, path, bytes; the numbers are 64-bit little endian.
static void trace_call(enum call_kind kind, const char *path, uint64_t offset, const void *bytes, uint64_t count) {
    if (trace < 0) return;
    uint64_t head[4] = {kind, strlen(path), offset, count};
    trace_bytes(head, sizeof head);
    trace_bytes(path, head[1]);
    if (bytes) trace_bytes(bytes, count);
}

// Called with the lock held: what happens to this call.
static enum fault next_fault(int is_write) {
    calls++;
    if (disk_is_full && is_write) return FAULT_ENOSPC;
    if (calls != fault_at) return FAULT_NONE;
    if (fault_kind == FAULT_KILL) kill(getpid(), SIGKILL);
    if (fault_kind == FAULT_ENOSPC) disk_is_full = 1;
    return fault_kind;
}

static int refuse(enum fault fault) {
    if (fault == FAULT_TORN_KILL) kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
    errno = fault == FAULT_ENOSPC ? ENOSPC : EIO;
    return -1;
}

static ssize_t watched_write(
    int descriptor, const char *path, const void *bytes, size_t count, off_t offset, int moves) {
    pthread_mutex_lock(&lock);
    enum fault fault = next_fault(1);
    if (fault == FAULT_TORN || fault == FAULT_TORN_KILL) {
        size_t half = count / 2;
        trace_call(CALL_WRITE, path, (uint64_t)offset, bytes, half);
        syscall(SYS_pwrite64, descriptor, bytes, half, offset);
        return refuse(fault);
    }
    if (fault != FAULT_NONE) return refuse(fault);
    ssize_t written = syscall(SYS_pwrite64, descriptor, bytes, count, offset);
    if (written > 0) trace_call(CALL_WRITE, path, (uint64_t)offset, bytes, (uint64_t)written);
    if (written > 0 && moves) lseek(descriptor, offset + written, SEEK_SET);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    char path[PATH_MAX];
    if (!is_watched(descriptor, path)) return syscall(SYS_write, descriptor, bytes, count);
    int flags = fcntl(descriptor, F_GETFL);
    off_t offset = lseek(descriptor, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
    return watched_write(descriptor, path, bytes, count, offset, 1);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    char path[PATH_MAX];
    if (!is_watched(descriptor, path)) return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
    return watched_write(descriptor, path, bytes, count, offset, 0);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite64(descriptor, bytes, count, offset);
}

int ftruncate64(int descriptor, off_t length) {
    char path[PATH_MAX];
    if (!is_watched(descriptor, path)) return (int)syscall(SYS_ftruncate, descriptor, length);
    pthread_mutex_lock(&lock);
    enum fault fault = next_fault(1);
    if (fault != FAULT_NONE) return refuse(fault);
    int result = (int)syscall(SYS_ftruncate, descriptor, length);
    if (result == 0) trace_call(CALL_TRUNCATE, path, (uint64_t)length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

static int watched_sync(int descriptor) {
    char path[PATH_MAX];
    if (!is_watched(descriptor, path)) return (int)syscall(SYS_fsync, descriptor);
    pthread_mutex_lock(&lock);
    enum fault fault = next_fault(0);
    if (fault != FAULT_NONE) return refuse(fault);
    // The test folder needs no real durability, only the order.
    trace_call(CALL_SYNC, path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int descriptor) { return watched_sync(descriptor); }
int fdatasync(int descriptor) { return watched_sync(descriptor); }

static int watched_open(const char *path, int flags, mode_t mode) {
    char resolved[PATH_MAX];
    struct stat status;
    // Only calls that make a file change anything.
    int makes = (flags & O_CREAT) && stat(path, &status) != 0;
    int truncates = (flags & O_TRUNC) != 0;
    if (!root || !(makes || truncates)) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (path[0] == '/') {
        snprintf(resolved, sizeof resolved, "%s", path);
    } else {
        char folder[PATH_MAX / 2];
        if (!getcwd(folder, sizeof folder)) return -1;
        snprintf(resolved, sizeof resolved, "%s/%s", folder, path);
    }
    if (!is_watched_path(resolved)) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&lock);
    enum fault fault = next_fault(1);
    if (fault != FAULT_NONE) return refuse(fault);
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (descriptor >= 0) trace_call(CALL_OPEN, resolved, (uint64_t)truncates, NULL, 0);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return watched_open(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return watched_open(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    static int looks;
    if (clock == CLOCK_REALTIME && getenv("FAULTY_CLOCK")) {
        looks++;
        time->tv_sec += (looks % 2 ? 1 : -1) * 400L * 86400 * looks;
    }
    return result;
}

int unlink(const char *path) {
    if (!is_watched_path(path)) return (int)syscall(SYS_unlink, path);
    pthread_mutex_lock(&lock);
    enum fault fault = next_fault(0);
    if (fault != FAULT_NONE) return refuse(fault);
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0) trace_call(CALL_UNLINK, path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    if (!is_watched_path(from)) return (int)syscall(SYS_rename, from, to);
    pthread_mutex_lock(&lock);
    enum fault fault = next_fault(0);
    if (fault != FAULT_NONE) return refuse(fault);
    int result = (int)syscall(SYS_rename, from, to);
    if (result == 0) trace_call(CALL_RENAME, from, 0, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}
