/* A power cut for one process, by LD_PRELOAD.
 *
 * Below the directory CUT_ROOT everything works as usual, but beside it the library keeps, in CUT_IMAGE, only what a filesystem must have
 * kept when the power fails: the content of a file as of the last fsync or fdatasync of it, the names in a directory as of the last fsync of
 * the directory. After CUT_AFTER syncs of files the process is killed.
 *
 * CUT_IMAGE holds `f<id>`, a file's content, and `d<id>`, a directory's names, one a line: kind (f or d), id, name. The root has the id 0.
 *
 * With CUT_LEFTOVERS, a seed, about half of the blocks that were written but not synced are kept as well when the power fails: a disk is
 * free to write them in any order.
 *
 * CUT_IGNORE names a kind of sync that is to have no effect, to show that it is needed: fdatasync, or directory.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct range {
    off_t at, end;
};

struct inode {
    ino_t number;
    dev_t device;
    int id; /* -1: not below the root */
    int descriptor; /* through which it was written last */
    int n_dirty, room;
    struct range *dirty;
};

#define INODES_MAX 8192
static struct inode inodes[INODES_MAX];
static int n_inodes, n_ids, n_syncs, cut_after;
static unsigned leftovers;
static char root[PATH_MAX], image[PATH_MAX];
#define NAME_MAX_LENGTH (PATH_MAX + 32)
static const char *ignored = "";
static int active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "cut: no %s\n", name);
        abort();
    }
    return found;
}

static void fail(const char *what) {
    fprintf(stderr, "cut: %s: %s\n", what, strerror(errno));
    abort();
}

static int below_root(const char *path) {
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static struct inode *find(dev_t device, ino_t number) {
    for (int i = n_inodes - 1; i >= 0; i--)
        if (inodes[i].number == number && inodes[i].device == device) return &inodes[i];
    return NULL;
}

static struct inode *add(dev_t device, ino_t number, int id) {
    struct inode *inode = find(device, number);
    if (!inode) {
        if (n_inodes == INODES_MAX) fail("too many files");
        inode = &inodes[n_inodes++];
    }
    inode->number = number;
    inode->device = device;
    inode->id = id;
    inode->n_dirty = 0;
    return inode;
}

static struct inode *of_stat(const struct stat *st) {
    struct inode *inode = find(st->st_dev, st->st_ino);
    return inode ? inode : add(st->st_dev, st->st_ino, n_ids++);
}

/* The inode behind a descriptor, or NULL if it is not a file or directory below the root. */
static struct inode *of_fd(int fd, struct stat *st) {
    if (fstat(fd, st) != 0 || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))) return NULL;
    struct inode *inode = find(st->st_dev, st->st_ino);
    if (inode) return inode->id < 0 ? NULL : inode;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return NULL;
    path[n] = 0;
    if (below_root(path)) return of_stat(st);
    add(st->st_dev, st->st_ino, -1);
    return NULL;
}

static void mark(struct inode *inode, off_t at, off_t end) {
    if (inode->n_dirty == inode->room) {
        inode->room = inode->room ? inode->room * 2 : 16;
        inode->dirty = realloc(inode->dirty, inode->room * sizeof *inode->dirty);
        if (!inode->dirty) fail("memory");
    }
    inode->dirty[inode->n_dirty++] = (struct range){at, end};
}

static void keep_file(struct inode *inode, const char *path, off_t size) {
    char name[NAME_MAX_LENGTH];
    snprintf(name, sizeof name, "%s/f%d", image, inode->id);
    int from = REAL(open)(path, O_RDONLY | O_CLOEXEC), to = REAL(open)(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (from < 0 || to < 0) fail(path);
    static char buffer[1 << 20];
    for (int i = 0; i < inode->n_dirty; i++) {
        off_t at = inode->dirty[i].at, end = inode->dirty[i].end < size ? inode->dirty[i].end : size;
        while (at < end) {
            size_t wanted = end - at < (off_t)sizeof buffer ? (size_t)(end - at) : sizeof buffer;
            ssize_t n = pread(from, buffer, wanted, at);
            if (n <= 0 || REAL(pwrite)(to, buffer, n, at) != n) fail("copy");
            at += n;
        }
    }
    inode->n_dirty = 0;
    if (REAL(ftruncate)(to, size) != 0) fail("truncate");
    close(from);
    close(to);
}

static void keep_directory(struct inode *inode, const char *path) {
    char name[NAME_MAX_LENGTH], temporary[NAME_MAX_LENGTH + 8];
    snprintf(name, sizeof name, "%s/d%d", image, inode->id);
    snprintf(temporary, sizeof temporary, "%s.tmp", name);
    FILE *out = fopen(temporary, "w");
    DIR *directory = opendir(path);
    if (!out || !directory) fail(path);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        struct stat st;
        if (fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        fprintf(out, "%c %d %s\n", S_ISDIR(st.st_mode) ? 'd' : 'f', of_stat(&st)->id, entry->d_name);
    }
    closedir(directory);
    if (fclose(out) != 0 || REAL(rename)(temporary, name) != 0) fail(name);
}

/* What is there at the beginning is durable. */
static void keep_all(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0) fail(path);
    struct inode *inode = of_stat(&st);
    if (!S_ISDIR(st.st_mode)) {
        mark(inode, 0, st.st_size);
        keep_file(inode, path, st.st_size);
        return;
    }
    DIR *directory = opendir(path);
    if (!directory) fail(path);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char child[PATH_MAX + 258];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        keep_all(child);
    }
    closedir(directory);
    keep_directory(inode, path);
}

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("CUT_ROOT"), *kept = getenv("CUT_IMAGE"), *after = getenv("CUT_AFTER"), *ignore = getenv("CUT_IGNORE");
    if (!wanted || !kept) return;
    if (!realpath(wanted, root) || !realpath(kept, image)) fail("CUT_ROOT or CUT_IMAGE");
    cut_after = after ? atoi(after) : 0;
    if (ignore) ignored = ignore;
    if (getenv("CUT_LEFTOVERS")) leftovers = (unsigned)atoi(getenv("CUT_LEFTOVERS"));
    keep_all(root);
    active = 1;
}

/* Of what was written and not synced, some blocks reached the disk. */
static void keep_leftovers(void) {
    const off_t block = 4096;
    static char buffer[4096];
    for (int i = 0; i < n_inodes; i++) {
        struct inode *inode = &inodes[i];
        struct stat st;
        char path[64], name[NAME_MAX_LENGTH];
        if (inode->id < 0 || inode->n_dirty == 0 || fstat(inode->descriptor, &st) != 0 || st.st_ino != inode->number) continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", inode->descriptor);
        snprintf(name, sizeof name, "%s/f%d", image, inode->id);
        int from = REAL(open)(path, O_RDONLY | O_CLOEXEC), to = REAL(open)(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (from < 0 || to < 0) fail(path);
        for (int j = 0; j < inode->n_dirty; j++) {
            off_t end = inode->dirty[j].end < st.st_size ? inode->dirty[j].end : st.st_size;
            for (off_t at = inode->dirty[j].at / block * block; at < end; at += block) {
                ssize_t n = rand_r(&leftovers) % 2 ? pread(from, buffer, block, at) : 0;
                if (n > 0 && REAL(pwrite)(to, buffer, n, at) != n) fail("copy");
            }
        }
        close(from);
        close(to);
    }
}

static void sync_of(int fd, const char *what) {
    if (!active) return;
    pthread_mutex_lock(&lock);
    struct stat st;
    struct inode *inode = of_fd(fd, &st);
    if (inode) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (S_ISDIR(st.st_mode)) {
            if (strcmp(ignored, "directory")) keep_directory(inode, path);
        } else {
            int cut = ++n_syncs == cut_after;
            /* In the middle of the sync, or right after it. */
            if (cut && leftovers)
                keep_leftovers();
            else if (strcmp(ignored, what))
                keep_file(inode, path, st.st_size);
            if (cut) kill(getpid(), SIGKILL);
        }
    }
    pthread_mutex_unlock(&lock);
}

int fsync(int fd) {
    int result = REAL(fsync)(fd);
    if (result == 0) sync_of(fd, "fsync");
    return result;
}

int fdatasync(int fd) {
    int result = REAL(fdatasync)(fd);
    if (result == 0) sync_of(fd, "fdatasync");
    return result;
}

static void wrote(int fd, off_t at, ssize_t n) {
    if (!active || n <= 0) return;
    int before = errno;
    pthread_mutex_lock(&lock);
    struct stat st;
    struct inode *inode = of_fd(fd, &st);
    if (inode) {
        if (at < 0) at = lseek(fd, 0, SEEK_CUR) - n;
        mark(inode, at, at + n);
        inode->descriptor = fd;
    }
    pthread_mutex_unlock(&lock);
    errno = before;
}

ssize_t write(int fd, const void *bytes, size_t n) {
    ssize_t done = REAL(write)(fd, bytes, n);
    wrote(fd, -1, done);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    ssize_t done = REAL(writev)(fd, parts, n);
    wrote(fd, -1, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    ssize_t done = REAL(pwrite)(fd, bytes, n, at);
    wrote(fd, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    ssize_t done = REAL(pwrite64)(fd, bytes, n, at);
    wrote(fd, at, done);
    return done;
}

/* A file that is cut and grown again has zeros where the old content was. */
static void resized(int fd, off_t size) {
    if (!active) return;
    pthread_mutex_lock(&lock);
    struct stat st;
    struct inode *inode = of_fd(fd, &st);
    if (inode) mark(inode, size, LONG_MAX);
    pthread_mutex_unlock(&lock);
}

int ftruncate(int fd, off_t size) {
    int result = REAL(ftruncate)(fd, size);
    if (result == 0) resized(fd, size);
    return result;
}

int ftruncate64(int fd, off64_t size) {
    int result = REAL(ftruncate64)(fd, size);
    if (result == 0) resized(fd, size);
    return result;
}

/* A new file is a new inode, even if its number was another file's before. */
static int opened(int fd, int flags, int was_there) {
    if (!active || fd < 0) return fd;
    pthread_mutex_lock(&lock);
    struct stat st;
    if ((flags & O_CREAT) && !was_there && fstat(fd, &st) == 0) {
        char link[64], path[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        path[n < 0 ? 0 : n] = 0;
        add(st.st_dev, st.st_ino, below_root(path) ? n_ids++ : -1);
    } else if (flags & O_TRUNC) {
        struct inode *inode = of_fd(fd, &st);
        if (inode) mark(inode, 0, LONG_MAX);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;      \
        va_end(rest);                                                                  \
        int was_there = faccessat(AT_FDCWD, path, F_OK, 0) == 0;                       \
        return opened(REAL(name)(path, flags, mode), flags, was_there);                \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                   \
    int name(int at, const char *path, int flags, ...) {                               \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;      \
        va_end(rest);                                                                  \
        int was_there = faccessat(at, path, F_OK, 0) == 0;                             \
        return opened(REAL(name)(at, path, flags, mode), flags, was_there);            \
    }
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, mode_t mode) {
    int result = REAL(mkdir)(path, mode);
    struct stat st;
    if (active && result == 0 && stat(path, &st) == 0) {
        char full[PATH_MAX];
        pthread_mutex_lock(&lock);
        add(st.st_dev, st.st_ino, realpath(path, full) && below_root(full) ? n_ids++ : -1);
        pthread_mutex_unlock(&lock);
    }
    return result;
}
