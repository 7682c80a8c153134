#define _GNU_SOURCE
#include "http.h"

#include <loading.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>

static struct assay_http library;
static bool isLoaded;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static bool load(const char **fault) {
    const struct assay_function functions[] = {
#define ASSAY_HTTP_ENTRY(function) {"MHD_" #function, (void **)&library.function},
        ASSAY_HTTP_FUNCTIONS(ASSAY_HTTP_ENTRY)
#undef ASSAY_HTTP_ENTRY
    };
    return assay_load("libmicrohttpd.so.12", functions, sizeof functions / sizeof *functions, fault);
}

const struct assay_http *assay_http_load(const char **fault) {
    pthread_mutex_lock(&loading);
    if (!isLoaded) isLoaded = load(fault);
    bool isThere = isLoaded;
    pthread_mutex_unlock(&loading);
    return isThere ? &library : NULL;
}

// A request that is read by several calls needs room for its headers; bodies go by in pieces of this size.
enum { BYTES_OF_CONNECTION = 16 * 1024, BYTES_AT_FIRST = 2 * 1024 };

static void drop(void *context, const char *format, va_list arguments) {
    (void)context;
    (void)format;
    (void)arguments;
}

struct MHD_Daemon *assay_http_start(const struct assay_http *library, const struct assay_http_settings *settings) {
    struct MHD_OptionItem encryption[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)settings->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)settings->key},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    if (settings->certificate) flags |= MHD_USE_TLS;
    return library->start_daemon(
        // The logger comes first: it is for the faults of options, too.
        flags, 0, NULL, NULL, settings->received, settings->context,                  //
        MHD_OPTION_EXTERNAL_LOGGER, drop, NULL,                                       //
        MHD_OPTION_LISTEN_SOCKET, settings->socket,                                   //
        MHD_OPTION_CONNECTION_LIMIT, settings->mostConnections,                       //
        MHD_OPTION_CONNECTION_TIMEOUT, settings->idleSeconds,                         //
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)BYTES_OF_CONNECTION,              //
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)BYTES_AT_FIRST,               //
        MHD_OPTION_URI_LOG_CALLBACK, settings->began, settings->context,              //
        MHD_OPTION_NOTIFY_COMPLETED, settings->completed, settings->context,          //
        MHD_OPTION_NOTIFY_CONNECTION, settings->connected, settings->context,         //
        MHD_OPTION_STRICT_FOR_CLIENT, 1,                                              //
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,                                         //
        MHD_OPTION_ARRAY, settings->certificate ? encryption : none, MHD_OPTION_END);
}

int assay_http_events(const struct assay_http *library, struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = library->get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

int assay_http_new_signal(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void assay_http_signal(int signal) { eventfd_write(signal, 1); }

enum { NANOSECONDS_A_MILLISECOND = 1000000, NANOSECONDS_A_SECOND = 1000000000 };

void assay_http_work(const struct assay_http *library, struct MHD_Daemon *daemon, int events, int signal,
                     long nanoseconds) {
    MHD_UNSIGNED_LONG_LONG soonest;
    if (daemon && nanoseconds > 0 && library->get_timeout(daemon, &soonest) == MHD_YES &&
        soonest < (MHD_UNSIGNED_LONG_LONG)nanoseconds / NANOSECONDS_A_MILLISECOND) {
        nanoseconds = (long)soonest * NANOSECONDS_A_MILLISECOND;
    }
    if (nanoseconds > 0) {
        struct pollfd sources[] = {{.fd = signal, .events = POLLIN}, {.fd = events, .events = POLLIN}};
        struct timespec patience = {nanoseconds / NANOSECONDS_A_SECOND, nanoseconds % NANOSECONDS_A_SECOND};
        if (ppoll(sources, daemon ? 2 : 1, &patience, NULL) > 0 && sources[0].revents) {
            eventfd_t count;
            eventfd_read(signal, &count);
        }
    }
    if (daemon) library->run(daemon);
}

int assay_http_descriptor(const struct assay_http *library, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        library->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

void *assay_http_connection(const struct assay_http *library, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        library->get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}
