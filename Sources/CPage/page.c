#include "page.h"

// The compiler reads each file, and compiles this again when one has changed.
#define FILES(X) \
    X(index, "index.html", "text/html; charset=utf-8") \
    X(style, "desk.css", "text/css; charset=utf-8") \
    X(icon, "icon.svg", "image/svg+xml") \
    X(app, "app.js", "text/javascript; charset=utf-8") \
    X(dom, "dom.js", "text/javascript; charset=utf-8") \
    X(server, "server.js", "text/javascript; charset=utf-8") \
    X(charts, "charts.js", "text/javascript; charset=utf-8") \
    X(now, "now.js", "text/javascript; charset=utf-8") \
    X(queue, "queue.js", "text/javascript; charset=utf-8") \
    X(judging, "judging.js", "text/javascript; charset=utf-8") \
    X(case, "case.js", "text/javascript; charset=utf-8") \
    X(user, "user.js", "text/javascript; charset=utf-8") \
    X(rules, "rules.js", "text/javascript; charset=utf-8") \
    X(model, "model.js", "text/javascript; charset=utf-8") \
    X(system, "system.js", "text/javascript; charset=utf-8")

static const uint8_t index_bytes[] = {
#embed "../Service/Page/index.html"
};
static const uint8_t style_bytes[] = {
#embed "../Service/Page/desk.css"
};
static const uint8_t icon_bytes[] = {
#embed "../Service/Page/icon.svg"
};
static const uint8_t app_bytes[] = {
#embed "../Service/Page/app.js"
};
static const uint8_t dom_bytes[] = {
#embed "../Service/Page/dom.js"
};
static const uint8_t server_bytes[] = {
#embed "../Service/Page/server.js"
};
static const uint8_t charts_bytes[] = {
#embed "../Service/Page/charts.js"
};
static const uint8_t now_bytes[] = {
#embed "../Service/Page/now.js"
};
static const uint8_t queue_bytes[] = {
#embed "../Service/Page/queue.js"
};
static const uint8_t judging_bytes[] = {
#embed "../Service/Page/judging.js"
};
static const uint8_t case_bytes[] = {
#embed "../Service/Page/case.js"
};
static const uint8_t user_bytes[] = {
#embed "../Service/Page/user.js"
};
static const uint8_t rules_bytes[] = {
#embed "../Service/Page/rules.js"
};
static const uint8_t model_bytes[] = {
#embed "../Service/Page/model.js"
};
static const uint8_t system_bytes[] = {
#embed "../Service/Page/system.js"
};

#define ENTRY(symbol, name, type) {name, type, symbol##_bytes, symbol##_bytes + sizeof(symbol##_bytes)},

static const struct assay_page_file files[] = {FILES(ENTRY)};

int32_t assay_page_count(void) { return sizeof(files) / sizeof(files[0]); }

struct assay_page_file assay_page_file(int32_t index) { return files[index]; }
