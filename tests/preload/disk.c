/* A bad disk for one process, by LD_PRELOAD.
 *
 * Below the directory FAULT_ROOT, the FAULT_NTHth call of FAULT_CALL and all later ones fail with the error number FAULT_ERRNO, as long as
 * the file FAULT_ON exists, or from the beginning if that is not set. FAULT_CALL: sync (fsync, fdatasync, sync_file_range), sync_file_range
 * alone, or write (write, pwrite and their relatives, ftruncate, fallocate, and open of a file that is not there). With 0 as FAULT_ERRNO, a
 * sync does nothing and says that all is well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int n_calls;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static int is_below(const char *path) {
    const char *root = getenv("FAULT_ROOT");
    return root && strncmp(path, root, strlen(root)) == 0;
}

static int is_meant(const char *kind) {
    const char *call = getenv("FAULT_CALL");
    return call && strcmp(call, kind) == 0;
}

/* Whether this call is to fail; sets errno. */
static int fails(const char *kind, const char *path) {
    const char *on = getenv("FAULT_ON"), *nth = getenv("FAULT_NTH"), *number = getenv("FAULT_ERRNO");
    if (!is_meant(kind) || !nth || !number || !is_below(path)) return 0;
    struct stat found;
    if (on && stat(on, &found) != 0) return 0;
    if (atomic_fetch_add(&n_calls, 1) + 1 < atoi(nth)) return 0;
    errno = atoi(number);
    return 1;
}

static int file_fails(const char *kind, int descriptor) {
    char link[64], path[PATH_MAX];
    if (!is_meant(kind)) return 0;
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length < 0) return 0;
    path[length] = 0;
    return fails(kind, path);
}

/* What a sync answers that is not done. */
#define NOT_SYNCED (errno ? -1 : 0)
int fsync(int fd) { return file_fails("sync", fd) ? NOT_SYNCED : REAL(fsync)(fd); }
int fdatasync(int fd) { return file_fails("sync", fd) ? NOT_SYNCED : REAL(fdatasync)(fd); }
int sync_file_range(int fd, off64_t at, off64_t length, unsigned flags) {
    return file_fails("sync", fd) || file_fails("sync_file_range", fd) ? NOT_SYNCED : REAL(sync_file_range)(fd, at, length, flags);
}
ssize_t write(int fd, const void *bytes, size_t length) { return file_fails("write", fd) ? -1 : REAL(write)(fd, bytes, length); }
ssize_t writev(int fd, const struct iovec *parts, int n) { return file_fails("write", fd) ? -1 : REAL(writev)(fd, parts, n); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return file_fails("write", fd) ? -1 : REAL(pwrite)(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return file_fails("write", fd) ? -1 : REAL(pwrite64)(fd, bytes, length, at);
}
int ftruncate(int fd, off_t length) { return file_fails("write", fd) ? -1 : REAL(ftruncate)(fd, length); }
int ftruncate64(int fd, off64_t length) { return file_fails("write", fd) ? -1 : REAL(ftruncate64)(fd, length); }
int fallocate(int fd, int mode, off_t at, off_t length) { return file_fails("write", fd) ? -1 : REAL(fallocate)(fd, mode, at, length); }
int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    return file_fails("write", fd) ? -1 : REAL(fallocate64)(fd, mode, at, length);
}

static int creation_fails(const char *path, int flags) {
    struct stat found;
    int kept = errno;
    int creates = (flags & O_CREAT) && stat(path, &found) != 0;
    errno = kept;
    return creates && fails("write", path);
}
#define MODE(flags, mode) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }
int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return creation_fails(path, flags) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags, mode)
    return creation_fails(path, flags) ? -1 : REAL(open64)(path, flags, mode);
}
