// Sends transactions to a scoring service over keep-alive connections, and tells rate, latency and the service's CPU.
//
//   load PORT LINES CONNECTIONS RATE SECONDS PID [NDJSON]
//
// LINES has a transaction a line, of which each is sent once. RATE 0 sends as fast as answers come; otherwise so many a
// second are due whatever the service does, and latency counts from when each was due, so that a service that stalls
// is not spared the requests that it held up. NDJSON sends so many lines as one request. Prints JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 4096, LONGEST_HEAD = 256, READ_AT_ONCE = 1 << 18 };

struct connection {
    int descriptor;
    double due;
    // Of the answer: what is still to come, or -1 before its headers are whole.
    long left;
    size_t headCount;
    char head[4096];
    char *request;
    size_t requestCount, sent;
};

static struct connection connections[MOST_CONNECTIONS];
static char *lines;
static size_t linesCount, nextByte;
static int linesAtOnce = 1;
static long refused;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

// The CPU seconds of all threads of a process.
static double cpu(int pid) {
    char path[512];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) return 0;
    double all = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        if (*entry->d_name == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "r");
        double part = 0;
        if (file && fscanf(file, "%lf", &part) == 1) all += part;
        if (file) fclose(file);
    }
    closedir(tasks);
    return all / 1e9;
}

static void readLines(const char *path) {
    FILE *file = fopen(path, "r");
    struct stat status;
    if (!file || fstat(fileno(file), &status) != 0) fail(path);
    linesCount = status.st_size;
    lines = malloc(linesCount);
    if (fread(lines, 1, linesCount, file) != linesCount) fail(path);
    fclose(file);
}

static void connectTo(struct connection *connection, int port, int events, int number) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->descriptor, (void *)&address, sizeof address) != 0) fail("connect");
    int one = 1;
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    if (epoll_ctl(events, EPOLL_CTL_ADD, connection->descriptor, &event) != 0) fail("epoll");
}

// Sends the next lines. Returns false when there are none left.
static bool sendNext(struct connection *connection) {
    const char *start = lines + nextByte;
    size_t count = 0;
    for (int line = 0; line < linesAtOnce && nextByte + count < linesCount; line++) {
        const char *end = memchr(start + count, '\n', linesCount - nextByte - count);
        if (!end) break;
        count = end + 1 - start;
    }
    if (count == 0) return false;
    nextByte += count;
    char head[LONGEST_HEAD];
    int headCount = snprintf(head, sizeof head,
                             "POST /v1/assessments HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/%s\r\n"
                             "Content-Length: %zu\r\n\r\n",
                             linesAtOnce > 1 ? "x-ndjson" : "json", count);
    connection->request = realloc(connection->request, headCount + count);
    memcpy(connection->request, head, headCount);
    memcpy(connection->request + headCount, start, count);
    connection->requestCount = headCount + count;
    connection->left = -1;
    connection->headCount = 0;
    for (size_t sent = 0; sent < connection->requestCount;) {
        ssize_t part = write(connection->descriptor, connection->request + sent, connection->requestCount - sent);
        if (part < 0) fail("write");
        sent += part;
    }
    return true;
}

// Takes what has come. Returns true when the answer is whole.
static bool receive(struct connection *connection) {
    static char piece[READ_AT_ONCE];
    ssize_t count = read(connection->descriptor, piece, sizeof piece);
    if (count <= 0) fail("read");
    if (connection->left >= 0) {
        connection->left -= count;
        return connection->left <= 0;
    }
    size_t room = sizeof connection->head - 1 - connection->headCount;
    size_t taken = (size_t)count < room ? (size_t)count : room;
    memcpy(connection->head + connection->headCount, piece, taken);
    connection->headCount += taken;
    connection->head[connection->headCount] = 0;
    char *end = strstr(connection->head, "\r\n\r\n");
    if (!end) return false;
    char *length = strcasestr(connection->head, "content-length:");
    if (!length || length > end) {
        fprintf(stderr, "an answer without its length\n");
        exit(1);
    }
    if (memcmp(connection->head, "HTTP/1.1 200", 12) != 0 && refused++ == 0) {
        fprintf(stderr, "not 200: %s\n", connection->head);
    }
    size_t before = connection->headCount - taken;
    connection->left = atol(length + 15) - (count - (long)(end + 4 - connection->head - before));
    return connection->left <= 0;
}

static int byValue(const void *one, const void *other) {
    double left = *(const double *)one, right = *(const double *)other;
    return (left > right) - (left < right);
}

int main(int count, char **arguments) {
    if (count < 7) {
        fprintf(stderr, "load PORT LINES CONNECTIONS RATE SECONDS PID [NDJSON]\n");
        return 64;
    }
    int port = atoi(arguments[1]), number = atoi(arguments[3]), pid = atoi(arguments[6]);
    double rate = atof(arguments[4]), seconds = atof(arguments[5]);
    if (count > 7) linesAtOnce = atoi(arguments[7]);
    if (number < 1 || number > MOST_CONNECTIONS) return 64;
    readLines(arguments[2]);
    int events = epoll_create1(0);
    int *idle = malloc(number * sizeof *idle), idleCount = 0;
    for (int index = 0; index < number; index++) {
        connectTo(&connections[index], port, events, index);
        idle[idleCount++] = index;
    }
    size_t room = 1 << 16, done = 0;
    double *latencies = malloc(room * sizeof *latencies);
    double cpuBefore = cpu(pid), began = now();
    long begun = 0;
    bool isOver = false;
    while (!isOver || idleCount < number) {
        double time = now();
        if (time - began > seconds) isOver = true;
        while (!isOver && idleCount > 0 && (rate == 0 || began + begun / rate <= now())) {
            struct connection *connection = &connections[idle[idleCount - 1]];
            connection->due = rate > 0 ? began + begun / rate : now();
            if (!sendNext(connection)) {
                isOver = true;
                break;
            }
            idleCount--;
            begun++;
        }
        double wait = rate > 0 && idleCount > 0 && !isOver ? began + begun / rate - now() : 0.1;
        if (wait < 0) wait = 0;
        struct timespec patience = {.tv_sec = 0, .tv_nsec = (long)(wait * 1e9)};
        struct epoll_event come[256];
        int comeCount = epoll_pwait2(events, come, 256, &patience, NULL);
        for (int index = 0; index < comeCount; index++) {
            struct connection *connection = &connections[come[index].data.u32];
            if (!receive(connection)) continue;
            if (done == room) latencies = realloc(latencies, (room *= 2) * sizeof *latencies);
            latencies[done++] = now() - connection->due;
            idle[idleCount++] = come[index].data.u32;
        }
    }
    double elapsed = now() - began, used = cpu(pid) - cpuBefore;
    if (done == 0) return 1;
    qsort(latencies, done, sizeof *latencies, byValue);
    printf("{\"requests\":%zu,\"seconds\":%.3f,\"rate\":%.0f,\"cpu_us\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f,"
           "\"p999_us\":%.0f,\"refused\":%ld}\n",
           done, elapsed, done / elapsed, used / done * 1e6, latencies[done / 2] * 1e6,
           latencies[done * 99 / 100] * 1e6, latencies[done * 999 / 1000] * 1e6, refused);
}
