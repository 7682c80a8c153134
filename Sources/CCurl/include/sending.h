#pragma once

#include <stdbool.h>
#include <stddef.h>

// Sends many things side by side with libcurl, which is loaded when a channel asks for it.

struct assay_sending;
struct assay_sender;

enum assay_encryption { ASSAY_IN_THE_CLEAR, ASSAY_STARTTLS };

struct assay_sending_settings {
    const char *address;
    // Certificates to trust instead of the system's; null for those.
    const char *authorities;
    long milliseconds;
    long connectMilliseconds;
    // The body of a POST, or a whole message.
    const void *body;
    size_t count;
    // Whole lines, for a POST.
    const char *const *headers;
    size_t headerCount;
    // Of a message, in angle brackets; null for a POST.
    const char *from;
    const char *const *to;
    size_t toCount;
    enum assay_encryption encryption;
    const char *user;
    const char *password;
};

enum { ASSAY_LONGEST_ANSWER = 512 };

struct assay_sending_result {
    long token;
    // What came of it: whether the server was reached and answered, whether it takes the user for no one it knows.
    bool isAnswered;
    bool isDenied;
    // Of HTTP or SMTP; 0 without one.
    long status;
    // The seconds that the server asks for; negative where it does not.
    double retryAfter;
    // What went wrong, for people; it names neither address nor secret.
    const char *problem;
    char answer[ASSAY_LONGEST_ANSWER];
    size_t answerCount;
};

// Null where the library is not there; then `*fault` says why, until the next call.
struct assay_sender *assay_sender_new(const char **fault);
void assay_sender_free(struct assay_sender *sender);

// Whether it could begin. Everything is copied.
bool assay_sender_begin(struct assay_sender *sender, const struct assay_sending_settings *settings, long token);

// Works on what is under way, for so many milliseconds at most, until something has ended or somebody woke it.
void assay_sender_work(struct assay_sender *sender, int milliseconds);

// Takes the result of something that has ended; false when there is none.
bool assay_sender_next(struct assay_sender *sender, struct assay_sending_result *result);

// May be called by any thread.
void assay_sender_wake(struct assay_sender *sender);
