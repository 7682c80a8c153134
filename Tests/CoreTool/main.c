// Carries the core as another engine would: routes lines to cores, and moves their users to new ones now and then.
//
//   CoreTool CONFIGURATION BLOCK EVERY TARGETS   lines on standard input; assessments on standard output, rejects on
//                                                standard error. Blocks have about BLOCK bytes; after EVERY blocks all
//                                                users move to other cores, one more or fewer than before.
//   CoreTool --import EXPORT CONFIGURATION       the same from the users of an export, with one core
//   CoreTool --contract CONFIGURATION OTHER      checks what the header promises; prints what does not hold
#include <assay.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 128, MOST_TARGETS = 8, EXPORTED_AT_ONCE = 100 };

static char *configuration;
static void *cores[MOST_TARGETS];
static int targets;

static void fail(const char *what, const char *fault) {
    fprintf(stderr, "%s: %s\n", what, fault ? fault : "");
    exit(1);
}

static char *read_configuration(const char *path) {
    char *fault = NULL;
    char *text = assay_configuration(path, &fault);
    if (!text) fail("configuration", fault);
    return text;
}

static void *open_core(void) {
    char *fault = NULL;
    void *core = assay_open(configuration, strlen(configuration), GROUPS, &fault);
    if (!core) fail("open", fault);
    return core;
}

static void put(FILE *file, struct assay_bytes bytes) {
    if (bytes.count > 0) fwrite(bytes.start, 1, bytes.count, file);
}

static void *fill(void *core, const void *bytes, size_t count) {
    memcpy(assay_room(core, count), bytes, count);
    return core;
}

static void score(void *router, const void *block, size_t count) {
    if (assay_route(fill(router, block, count), count, targets) != 0) fail("route", NULL);
    put(stderr, assay_rejects(router));
    for (int target = 0; target < targets; target++) {
        struct assay_bytes share = assay_share(router, target);
        if (share.count == 0) continue;
        if (share.start[3] != target) fail("share", "of another target");
        void *core = fill(cores[target], share.start + 4, share.count - 4);
        if (assay_score(core, share.count - 4) != 0) fail("score", NULL);
        put(stdout, assay_assessments(core));
        put(stderr, assay_rejects(core));
    }
}

// The target of a user, as the router has it.
static int target_of(void *router, const uint8_t *user, size_t count) {
    char line[4096];
    int length = snprintf(line, sizeof line,
                          "{\"transaction_id\":\"t\",\"user_id\":\"%.*s\",\"amount\":1,\"timestamp\":1735689600}",
                          (int)count, (const char *)user);
    if (assay_route(fill(router, line, length), length, targets) != 0) fail("route", NULL);
    for (int target = 0; target < targets; target++) {
        if (assay_share(router, target).count > 0) return target;
    }
    fail("route", "of a user that was scored");
    return 0;
}

static size_t length_at(const uint8_t *bytes) {
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

struct kept {
    uint8_t *bytes;
    size_t count;
};

static struct kept keep(struct assay_bytes bytes) {
    struct kept kept = {malloc(bytes.count + 1), bytes.count};
    if (bytes.count > 0) memcpy(kept.bytes, bytes.start, bytes.count);
    return kept;
}

// What a host has of all users: the newest state of each. Entries of one user replace each other.
static struct kept users[1 << 20];
static size_t user_count;

static void remember(struct kept entry) {
    size_t key = 4 + length_at(entry.bytes);
    for (size_t index = 0; index < user_count; index++) {
        if (users[index].count >= key && memcmp(users[index].bytes, entry.bytes, key) == 0) {
            free(users[index].bytes);
            users[index] = entry;
            return;
        }
    }
    users[user_count++] = entry;
}

static void move(void *router) {
    struct kept clocks[MOST_TARGETS];
    int before = targets;
    for (int target = 0; target < before; target++) {
        struct assay_bytes bytes;
        while ((bytes = assay_export(cores[target], EXPORTED_AT_ONCE)).count > 0) {
            for (size_t place = 0; place < bytes.count;) {
                size_t key = length_at(bytes.start + place);
                size_t entry = 8 + key + length_at(bytes.start + place + 4 + key);
                remember(keep((struct assay_bytes){bytes.start + place, entry}));
                place += entry;
            }
        }
        clocks[target] = keep(assay_clock(cores[target]));
        assay_close(cores[target]);
    }
    targets = before > 1 ? before - 1 : before + 1;
    for (int target = 0; target < targets; target++) {
        cores[target] = open_core();
        for (int other = 0; other < before; other++) {
            if (assay_set_clock(cores[target], clocks[other].bytes, clocks[other].count) != 0) fail("clock", NULL);
        }
    }
    for (int other = 0; other < before; other++) free(clocks[other].bytes);
    for (size_t index = 0; index < user_count; index++) {
        size_t key = length_at(users[index].bytes);
        void *core = cores[target_of(router, users[index].bytes + 4, key)];
        if (assay_import(core, users[index].bytes, users[index].count, 1) != 0) fail("import", NULL);
    }
}

static void expect(bool holds, const char *what) {
    if (!holds) printf("%s\n", what);
}

static void check_contract(const char *path) {
    char *fault = NULL;
    expect(!assay_configuration("/nowhere.yaml", &fault) && strstr(fault, "/nowhere.yaml"), "a missing file");
    assay_free(fault);
    expect(!assay_open("a: [", 4, GROUPS, &fault) && strlen(fault) > 0, "a configuration that is none");
    assay_free(fault);
    expect(!assay_open("", 0, 0, &fault), "no key groups");
    assay_free(fault);
    void *core = open_core();
    char *other = read_configuration(path);
    expect(assay_reload(core, other, strlen(other), &fault) == 0, "a reload of rules");
    assay_free(other);
    const char *settings = "min_history: 7\n";
    expect(assay_reload(core, settings, strlen(settings), &fault) == -1 && strstr(fault, "min_history"),
           "a reload of settings");
    assay_free(fault);
    expect(assay_score(core, 0) == 0 && assay_assessments(core).count == 0, "no lines");
    expect(assay_score(fill(core, "{", 1), 1) == 0 && assay_rejects(core).count > 0, "a line without an end");
    expect(assay_route(core, 0, 0) == -1 && assay_route(core, 0, GROUPS + 1) == -1, "targets that can't be");
    expect(assay_share(core, 1000).count == 0 && assay_share(core, -1).count == 0, "the share of nobody");
    expect(assay_export(core, 1).count == 0, "nothing has changed");
    expect(assay_set_clock(core, (const uint8_t *)"clock", 5) == -1, "a clock that is none");
    uint8_t garbage[64];
    for (unsigned seed = 0; seed < 1000; seed++) {
        for (size_t index = 0; index < sizeof garbage; index++) garbage[index] = rand();
        if (seed % 2) memcpy(garbage, "\0\0\0\1u\0\0\0", 8);
        void *fresh = open_core();
        expect(assay_import(fresh, garbage, sizeof garbage, 1) == -1, "states that are none");
        expect(assay_score(fresh, 0) == -1, "a core with half of its users");
        assay_close(fresh);
    }
    expect(!assay_entry(core, (const uint8_t *)"{}", 2, &fault).start && strlen(fault) > 0, "an export that is none");
    assay_free(fault);
    struct assay_counts counts = assay_get_counts(core);
    expect(counts.accepted == 0 && counts.rejected == 1 && counts.users == 0, "counts");
    assay_close(core);
    assay_close(NULL);
}

// Reads what `assayctl export` wrote, and checks that the host is given all of it.
static void import(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path, NULL);
    char *line = NULL, *fault = NULL;
    size_t room = 0, imported = 0, given = 0;
    for (ssize_t length; (length = getline(&line, &room, file)) > 0;) {
        struct assay_bytes entry = assay_entry(cores[0], (const uint8_t *)line, length, &fault);
        if (!entry.start) fail("entry", fault);
        if (entry.count == 0) continue;
        struct kept kept = keep(entry);
        if (assay_import(cores[0], kept.bytes, kept.count, 0) != 0) fail("import", NULL);
        imported += kept.count;
        free(kept.bytes);
    }
    fclose(file);
    for (struct assay_bytes bytes; (bytes = assay_export(cores[0], EXPORTED_AT_ONCE)).count > 0;) given += bytes.count;
    if (given != imported) fail("export", "not everything that was imported");
}

int main(int count, char **arguments) {
    const char *exported = NULL;
    if (count == 4 && strcmp(arguments[1], "--import") == 0) {
        exported = arguments[2];
        arguments = (char *[]){arguments[0], arguments[3], "10000", "0", "1", NULL};
        count = 5;
    }
    if (count == 4 && strcmp(arguments[1], "--contract") == 0) {
        configuration = read_configuration(arguments[2]);
        check_contract(arguments[3]);
        return 0;
    }
    if (count != 5) return 64;
    configuration = read_configuration(arguments[1]);
    size_t block = strtoul(arguments[2], NULL, 10);
    long every = atol(arguments[3]);
    targets = atoi(arguments[4]);
    if (targets < 1 || targets > MOST_TARGETS) return 64;
    void *router = open_core();
    for (int target = 0; target < targets; target++) cores[target] = open_core();
    if (exported) import(exported);
    char *lines = NULL, *line = NULL;
    size_t filled = 0, room = 0;
    long blocks = 0;
    for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
        lines = realloc(lines, filled + length);
        memcpy(lines + filled, line, length);
        filled += length;
        if (filled < block) continue;
        score(router, lines, filled);
        filled = 0;
        if (every > 0 && ++blocks % every == 0) move(router);
    }
    score(router, lines, filled);
    struct assay_bytes rules = assay_rule_counts(cores[0]);
    if (getenv("RULES")) put(stderr, rules);
}
