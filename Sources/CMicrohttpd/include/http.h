#pragma once

#include <microhttpd.h>

// The part of libmicrohttpd that the service calls. The library is loaded when somebody listens: other commands start
// without it and the TLS library that it brings along. The types are those of its header, so that a call that does not
// fit is found by the compiler.
#define ASSAY_HTTP_FUNCTIONS(each) \
    each(start_daemon) each(stop_daemon) each(quiesce_daemon) each(get_daemon_info) each(run) each(get_timeout) \
    each(suspend_connection) each(resume_connection) \
    each(lookup_connection_value) each(get_connection_info) each(create_response_from_buffer) \
    each(create_response_from_callback) each(add_response_header) each(queue_response) each(destroy_response) \
    each(is_feature_supported)

struct assay_http {
#define ASSAY_HTTP_MEMBER(function) __typeof__(&MHD_##function) function;
    ASSAY_HTTP_FUNCTIONS(ASSAY_HTTP_MEMBER)
#undef ASSAY_HTTP_MEMBER
};

// Null where the library is not there; then `*fault` says why, until the next call.
const struct assay_http *assay_http_load(const char **fault);

struct assay_http_settings {
    // Listens already.
    int socket;
    unsigned int mostConnections;
    unsigned int idleSeconds;
    // PEM; null without TLS.
    const char *certificate;
    const char *key;
    // Is handed to all functions below.
    void *context;
    // The target of a request as it was sent, before anything else of it. Returns what stands for the request.
    void *(*began)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback received;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connected;
};

// Null when the daemon can't be started. It does nothing by itself: `assay_http_work` does its work.
struct MHD_Daemon *assay_http_start(const struct assay_http *library, const struct assay_http_settings *settings);

// What becomes readable when there is work for a daemon.
int assay_http_events(const struct assay_http *library, struct MHD_Daemon *daemon);

// A descriptor that `assay_http_signal` makes whoever waits for it look up; -1 where the process has no more.
int assay_http_new_signal(void);
void assay_http_signal(int signal);

// Waits for work or for a signal, for so many nanoseconds at most, and does the work. Called by one thread
// at a time. Without a daemon it only waits.
void assay_http_work(const struct assay_http *library, struct MHD_Daemon *daemon, int events, int signal,
                     long nanoseconds);

// The descriptor of a connection, and what stands for it.
int assay_http_descriptor(const struct assay_http *library, struct MHD_Connection *connection);
void *assay_http_connection(const struct assay_http *library, struct MHD_Connection *connection);
