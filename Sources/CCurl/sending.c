#include "sending.h"

#include <curl/curl.h>
#include <loading.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// The part of libcurl that is called. The types are those of its header, so that the compiler checks each call.
#define FUNCTIONS(each) \
    each(global_init) each(slist_append) each(slist_free_all) each(easy_init) each(easy_setopt) each(easy_cleanup) \
    each(easy_getinfo) each(easy_strerror) each(multi_init) each(multi_cleanup) each(multi_setopt) \
    each(multi_add_handle) each(multi_remove_handle) each(multi_perform) each(multi_poll) each(multi_wakeup) \
    each(multi_info_read)

static struct {
#define MEMBER(function) __typeof__(&curl_##function) function;
    FUNCTIONS(MEMBER)
#undef MEMBER
} library;
static bool isLoaded;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static bool load(const char **fault) {
    const struct assay_function functions[] = {
#define ENTRY(function) {"curl_" #function, (void **)&library.function},
        FUNCTIONS(ENTRY)
#undef ENTRY
    };
    if (!assay_load("libcurl.so.4", functions, sizeof functions / sizeof *functions, fault)) return false;
    if (library.global_init(CURL_GLOBAL_ALL) == CURLE_OK) return true;
    *fault = "libcurl cannot be initialised";
    return false;
}

struct assay_sender {
    CURLM *multi;
};

struct assay_sending {
    long token;
    struct curl_slist *headers;
    struct curl_slist *to;
    // A message, and how much of it was sent.
    char *text;
    size_t count;
    size_t sent;
    char answer[ASSAY_LONGEST_ANSWER];
    size_t answerCount;
};

enum { MOST_IDLE_CONNECTIONS = 16 };

struct assay_sender *assay_sender_new(const char **fault) {
    pthread_mutex_lock(&loading);
    if (!isLoaded) isLoaded = load(fault);
    bool isThere = isLoaded;
    pthread_mutex_unlock(&loading);
    if (!isThere) return NULL;
    struct assay_sender *sender = calloc(1, sizeof *sender);
    if (sender) sender->multi = library.multi_init();
    if (sender && sender->multi) {
        library.multi_setopt(sender->multi, CURLMOPT_MAXCONNECTS, (long)MOST_IDLE_CONNECTIONS);
        return sender;
    }
    free(sender);
    *fault = "no memory";
    return NULL;
}

static void release(struct assay_sending *sending) {
    library.slist_free_all(sending->headers);
    library.slist_free_all(sending->to);
    free(sending->text);
    free(sending);
}

void assay_sender_free(struct assay_sender *sender) {
    library.multi_cleanup(sender->multi);
    free(sender);
}

// MARK: What libcurl calls

// Only the beginning of an answer is of interest.
static size_t take(char *bytes, size_t size, size_t count, void *context) {
    struct assay_sending *sending = context;
    size_t rest = sizeof sending->answer - sending->answerCount;
    size_t taken = size * count < rest ? size * count : rest;
    memcpy(sending->answer + sending->answerCount, bytes, taken);
    sending->answerCount += taken;
    return size * count;
}

static size_t give(char *bytes, size_t size, size_t count, void *context) {
    struct assay_sending *sending = context;
    size_t rest = sending->count - sending->sent;
    size_t given = size * count < rest ? size * count : rest;
    memcpy(bytes, sending->text + sending->sent, given);
    sending->sent += given;
    return given;
}

// MARK: Beginning

static bool append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = library.slist_append(*list, text);
    if (longer) *list = longer;
    return longer != NULL;
}

#define SET(option, value) \
    if (library.easy_setopt(easy, option, value) != CURLE_OK) return false

static bool set_common(CURL *easy, struct assay_sending *sending, const struct assay_sending_settings *settings) {
    SET(CURLOPT_PRIVATE, sending);
    SET(CURLOPT_URL, settings->address);
    SET(CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, settings->milliseconds);
    SET(CURLOPT_CONNECTTIMEOUT_MS, settings->connectMilliseconds);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings->authorities) SET(CURLOPT_CAINFO, settings->authorities);
    SET(CURLOPT_USERAGENT, "assay");
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, sending);
    return true;
}

static bool set_post(CURL *easy, struct assay_sending *sending, const struct assay_sending_settings *settings) {
    // Without this, libcurl waits for an answer before it sends a long body.
    if (!append(&sending->headers, "Expect:")) return false;
    for (size_t index = 0; index < settings->headerCount; index++)
        if (!append(&sending->headers, settings->headers[index])) return false;
    SET(CURLOPT_HTTPHEADER, sending->headers);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)settings->count);
    SET(CURLOPT_COPYPOSTFIELDS, (const char *)settings->body);
    return true;
}

static bool set_mail(CURL *easy, struct assay_sending *sending, const struct assay_sending_settings *settings) {
    for (size_t index = 0; index < settings->toCount; index++)
        if (!append(&sending->to, settings->to[index])) return false;
    sending->text = malloc(settings->count ? settings->count : 1);
    if (!sending->text) return false;
    memcpy(sending->text, settings->body, settings->count);
    sending->count = settings->count;
    SET(CURLOPT_MAIL_FROM, settings->from);
    SET(CURLOPT_MAIL_RCPT, sending->to);
    SET(CURLOPT_USE_SSL, settings->encryption == ASSAY_STARTTLS ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    if (settings->user) SET(CURLOPT_USERNAME, settings->user);
    if (settings->password) SET(CURLOPT_PASSWORD, settings->password);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, give);
    SET(CURLOPT_READDATA, sending);
    return true;
}

bool assay_sender_begin(struct assay_sender *sender, const struct assay_sending_settings *settings, long token) {
    struct assay_sending *sending = calloc(1, sizeof *sending);
    if (!sending) return false;
    sending->token = token;
    CURL *easy = library.easy_init();
    bool isSet = easy && set_common(easy, sending, settings)
        && (settings->from ? set_mail(easy, sending, settings) : set_post(easy, sending, settings))
        && library.multi_add_handle(sender->multi, easy) == CURLM_OK;
    if (isSet) return true;
    if (easy) library.easy_cleanup(easy);
    release(sending);
    return false;
}

// MARK: Working

void assay_sender_work(struct assay_sender *sender, int milliseconds) {
    int underWay = 0;
    // What went wrong with one of them is said by its own result.
    library.multi_perform(sender->multi, &underWay);
    int left = 0;
    if (milliseconds <= 0) return;
    library.multi_poll(sender->multi, NULL, 0, milliseconds, &left);
    library.multi_perform(sender->multi, &underWay);
}

void assay_sender_wake(struct assay_sender *sender) { library.multi_wakeup(sender->multi); }

bool assay_sender_next(struct assay_sender *sender, struct assay_sending_result *result) {
    int left = 0;
    CURLMsg *message;
    do {
        message = library.multi_info_read(sender->multi, &left);
        if (!message) return false;
    } while (message->msg != CURLMSG_DONE);
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result;
    struct assay_sending *sending = NULL;
    library.easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&sending);
    curl_off_t retryAfter = 0;
    memset(result, 0, sizeof *result);
    library.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result->status);
    result->retryAfter =
        library.easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retryAfter) == CURLE_OK && retryAfter > 0 ? retryAfter : -1;
    result->token = sending->token;
    result->isAnswered = code == CURLE_OK;
    result->isDenied = code == CURLE_LOGIN_DENIED;
    result->problem = library.easy_strerror(code);
    memcpy(result->answer, sending->answer, sending->answerCount);
    result->answerCount = sending->answerCount;
    library.multi_remove_handle(sender->multi, easy);
    library.easy_cleanup(easy);
    release(sending);
    return true;
}
