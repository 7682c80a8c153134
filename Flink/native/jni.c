// The functions of assay.h for Java: arrays of bytes in and out, one copy each way.
#include <assay.h>
#include <jni.h>
#include <stdlib.h>

#define NATIVE(result, name) JNIEXPORT result JNICALL Java_assay_flink_Core_##name

enum { EXPORTED_AT_ONCE = 1000 };

static void throw_as(JNIEnv *env, const char *class, const char *message) {
    jclass found = (*env)->FindClass(env, class);
    if (found) (*env)->ThrowNew(env, found, message);
}

// Throws what is wrong with a configuration, and frees the text.
static void throw_fault(JNIEnv *env, char *fault) {
    throw_as(env, "java/lang/IllegalArgumentException", fault ? fault : "the configuration is wrong");
    assay_free(fault);
}

// Null with an exception where there is no memory for it.
static jbyteArray array(JNIEnv *env, struct assay_bytes bytes) {
    if (bytes.count > INT32_MAX) {
        throw_as(env, "java/lang/OutOfMemoryError", "more bytes than an array has");
        return NULL;
    }
    jbyteArray result = (*env)->NewByteArray(env, (jsize)bytes.count);
    if (result && bytes.count > 0) {
        (*env)->SetByteArrayRegion(env, result, 0, (jsize)bytes.count, (const jbyte *)bytes.start);
    }
    return result;
}

static jbyteArray array_unless_empty(JNIEnv *env, struct assay_bytes bytes) {
    return bytes.count > 0 ? array(env, bytes) : NULL;
}

// A copy with a zero behind it, to be freed; null with an exception where there is no memory for it.
static char *copy(JNIEnv *env, jbyteArray bytes, jsize *count) {
    *count = (*env)->GetArrayLength(env, bytes);
    char *result = malloc((size_t)*count + 1);
    if (!result) {
        throw_as(env, "java/lang/OutOfMemoryError", "no memory for a copy");
        return NULL;
    }
    (*env)->GetByteArrayRegion(env, bytes, 0, *count, (jbyte *)result);
    result[*count] = 0;
    return result;
}

NATIVE(jbyteArray, configuration)(JNIEnv *env, jclass class, jbyteArray path) {
    (void)class;
    jsize count;
    char *name = copy(env, path, &count), *fault = NULL;
    if (!name) return NULL;
    char *text = assay_configuration(name, &fault);
    free(name);
    if (!text) {
        throw_fault(env, fault);
        return NULL;
    }
    size_t length = 0;
    while (text[length]) length++;
    jbyteArray result = array(env, (struct assay_bytes){(const uint8_t *)text, length});
    assay_free(text);
    return result;
}

NATIVE(jlong, open)(JNIEnv *env, jclass class, jbyteArray configuration, jint groups) {
    (void)class;
    jsize count;
    char *text = copy(env, configuration, &count), *fault = NULL;
    if (!text) return 0;
    void *core = assay_open(text, (size_t)count, groups, &fault);
    free(text);
    if (!core) throw_fault(env, fault);
    return (jlong)core;
}

NATIVE(void, close)(JNIEnv *env, jclass class, jlong core) {
    (void)env, (void)class;
    assay_close((void *)core);
}

NATIVE(void, reload)(JNIEnv *env, jclass class, jlong core, jbyteArray configuration) {
    (void)class;
    jsize count;
    char *text = copy(env, configuration, &count), *fault = NULL;
    if (!text) return;
    if (assay_reload((void *)core, text, (size_t)count, &fault) != 0) throw_fault(env, fault);
    free(text);
}

static void take(JNIEnv *env, jlong core, jbyteArray lines, jint start, jint count) {
    (*env)->GetByteArrayRegion(env, lines, start, count, (jbyte *)assay_room((void *)core, (size_t)count));
}

NATIVE(jbyteArray, score)(JNIEnv *env, jclass class, jlong core, jbyteArray lines, jint start, jint count) {
    (void)class;
    take(env, core, lines, start, count);
    if ((*env)->ExceptionCheck(env)) return NULL;
    if (assay_score((void *)core, (size_t)count) != 0) {
        throw_as(env, "java/lang/IllegalStateException", "the state of a user can't be read");
        return NULL;
    }
    return array_unless_empty(env, assay_assessments((void *)core));
}

NATIVE(jbyteArray, rejects)(JNIEnv *env, jclass class, jlong core) {
    (void)class;
    return array_unless_empty(env, assay_rejects((void *)core));
}

NATIVE(jobjectArray, route)(JNIEnv *env, jclass class, jlong core, jbyteArray lines, jint count, jint targets) {
    (void)class;
    take(env, core, lines, 0, count);
    if ((*env)->ExceptionCheck(env)) return NULL;
    if (assay_route((void *)core, (size_t)count, targets) != 0) {
        throw_as(env, "java/lang/IllegalArgumentException", "there are more subtasks than key groups");
        return NULL;
    }
    jclass bytes = (*env)->FindClass(env, "[B");
    jobjectArray result = bytes ? (*env)->NewObjectArray(env, targets, bytes, NULL) : NULL;
    for (jint target = 0; result && target < targets; target++) {
        struct assay_bytes share = assay_share((void *)core, target);
        if (share.count == 0) continue;
        jbyteArray block = array(env, share);
        if (!block) return NULL;
        (*env)->SetObjectArrayElement(env, result, target, block);
        (*env)->DeleteLocalRef(env, block);
    }
    return result;
}

NATIVE(jbyteArray, export)(JNIEnv *env, jclass class, jlong core) {
    (void)class;
    return array_unless_empty(env, assay_export((void *)core, EXPORTED_AT_ONCE));
}

NATIVE(void, take)(JNIEnv *env, jclass class, jlong core, jbyteArray entries, jboolean is_known) {
    (void)class;
    jsize count;
    char *bytes = copy(env, entries, &count);
    if (!bytes) return;
    int32_t result = assay_import((void *)core, (const uint8_t *)bytes, (size_t)count, is_known);
    free(bytes);
    if (result != 0) throw_as(env, "java/lang/IllegalStateException", "the state of a user can't be read");
}

NATIVE(jbyteArray, entry)(JNIEnv *env, jclass class, jlong core, jbyteArray line) {
    (void)class;
    jsize count;
    char *bytes = copy(env, line, &count), *fault = NULL;
    if (!bytes) return NULL;
    struct assay_bytes entry = assay_entry((void *)core, (const uint8_t *)bytes, (size_t)count, &fault);
    free(bytes);
    if (!entry.start) throw_fault(env, fault);
    return entry.start ? array_unless_empty(env, entry) : NULL;
}

NATIVE(jbyteArray, clock)(JNIEnv *env, jclass class, jlong core) {
    (void)class;
    return array(env, assay_clock((void *)core));
}

NATIVE(void, setClock)(JNIEnv *env, jclass class, jlong core, jbyteArray clock) {
    (void)class;
    jsize count;
    char *bytes = copy(env, clock, &count);
    if (!bytes) return;
    int32_t result = assay_set_clock((void *)core, (const uint8_t *)bytes, (size_t)count);
    free(bytes);
    if (result != 0) throw_as(env, "java/lang/IllegalStateException", "the clock can't be read");
}

NATIVE(jlongArray, counts)(JNIEnv *env, jclass class, jlong core) {
    (void)class;
    struct assay_counts counts = assay_get_counts((void *)core);
    const jlong values[] = {
        counts.users, counts.memory, (jlong)counts.accepted, (jlong)counts.rejected,
        (jlong)counts.low, (jlong)counts.medium, (jlong)counts.high, (jlong)counts.critical,
    };
    const jsize count = sizeof values / sizeof *values;
    jlongArray result = (*env)->NewLongArray(env, count);
    if (result) (*env)->SetLongArrayRegion(env, result, 0, count, values);
    return result;
}

NATIVE(jbyteArray, ruleCounts)(JNIEnv *env, jclass class, jlong core) {
    (void)class;
    return array(env, assay_rule_counts((void *)core));
}
