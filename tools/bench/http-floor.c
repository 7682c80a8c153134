// The floor of a scoring service: the same HTTP library, which answers each request with a constant.
//
//   http-floor PORT
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char answer[] =
    "{\"transaction_id\":\"tx000000000\",\"user_id\":\"u0000035\",\"sequence\":1,\"timestamp\":1735689600,"
    "\"risk_level\":\"low\",\"risk_score\":0,\"risk_factors\":[],\"recommendation\":\"Low risk, normal processing\"}";

static enum MHD_Result respond(void *context, struct MHD_Connection *connection, const char *target,
                               const char *method, const char *version, const char *data, size_t *count, void **body) {
    (void)context, (void)target, (void)method, (void)version;
    struct {
        size_t count;
        char bytes[4096];
    } *all = *body;
    if (!all) {
        *body = all = malloc(sizeof *all);
        all->count = 0;
        return MHD_YES;
    }
    if (*count > 0) {
        if (all->count + *count <= sizeof all->bytes) {
            memcpy(all->bytes + all->count, data, *count);
            all->count += *count;
        }
        *count = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof answer - 1, (void *)answer, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

static void completed(void *context, struct MHD_Connection *connection, void **body,
                      enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection, (void)code;
    free(*body);
    *body = NULL;
}

int main(int count, char **arguments) {
    if (count < 2) return 64;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, respond, NULL,  //
                                                 MHD_OPTION_SOCK_ADDR, &address,                               //
                                                 MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,                 //
                                                 MHD_OPTION_CONNECTION_LIMIT, 2000u, MHD_OPTION_END);
    if (!daemon) return 1;
    pause();
}
