package assay.flink;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** A core of libassay.so, which one thread uses. Arrays that go in and come out are copied. */
final class Core implements AutoCloseable {
    /** What a core has counted. */
    static final class Counts {
        final long users;
        final long memory;
        final long accepted;
        final long rejected;
        final long[] levels;

        private Counts(long[] values) {
            users = values[0];
            memory = values[1];
            accepted = values[2];
            rejected = values[3];
            levels = Arrays.copyOfRange(values, 4, values.length);
        }
    }

    static final String[] LEVELS = {"low", "medium", "high", "critical"};

    private long handle;

    /** Throws IllegalArgumentException where the configuration is wrong. */
    Core(byte[] configuration, int groups) {
        handle = open(configuration, groups);
    }

    /** A configuration file as text that holds by itself; an empty path stands for the defaults. */
    static byte[] configurationOf(String path) {
        return configuration(path.getBytes(StandardCharsets.UTF_8));
    }

    /** Takes other rules over; throws IllegalArgumentException where that can't be, and stays as it was. */
    void reload(byte[] configuration) {
        reload(handle, configuration);
    }

    /** The assessments of whole lines; null where there are none. */
    byte[] score(byte[] lines, int start) {
        return score(handle, lines, start, lines.length - start);
    }

    /** The rejects of the last lines; null where there are none. */
    byte[] rejects() {
        return rejects(handle);
    }

    /** The lines by subtask, each with its number in front; null for those that have none. */
    byte[][] route(byte[] lines, int count, int targets) {
        return route(handle, lines, count, targets);
    }

    /** Some of the users that changed, as entries; null once all are given out. */
    byte[] export() {
        return export(handle);
    }

    /** Takes users over from entries. Those that Flink does not know are given out by the next export. */
    void take(byte[] entries, boolean isKnown) {
        take(handle, entries, isKnown);
    }

    /** The entry of a line that another machine has exported; null for the first line, which is no user. */
    byte[] entry(byte[] line) {
        return entry(handle, line);
    }

    byte[] clock() {
        return clock(handle);
    }

    /** Takes a clock over, unless the present one is further. */
    void setClock(byte[] clock) {
        setClock(handle, clock);
    }

    Counts counts() {
        return new Counts(counts(handle));
    }

    /** How often each rule fired, and how often rules failed. */
    Map<String, Long> ruleCounts() {
        Map<String, Long> counts = new LinkedHashMap<>();
        for (String line : new String(ruleCounts(handle), StandardCharsets.UTF_8).split("\n")) {
            int space = line.lastIndexOf(' ');
            if (space > 0) {
                counts.put(line.substring(0, space), Long.parseLong(line.substring(space + 1)));
            }
        }
        return counts;
    }

    @Override
    public void close() {
        close(handle);
        handle = 0;
    }

    private static native byte[] configuration(byte[] path);

    private static native long open(byte[] configuration, int groups);

    private static native void close(long core);

    private static native void reload(long core, byte[] configuration);

    private static native byte[] score(long core, byte[] lines, int start, int count);

    private static native byte[] rejects(long core);

    private static native byte[][] route(long core, byte[] lines, int count, int targets);

    private static native byte[] export(long core);

    private static native void take(long core, byte[] entries, boolean isKnown);

    private static native byte[] entry(long core, byte[] line);

    private static native byte[] clock(long core);

    private static native void setClock(long core, byte[] clock);

    private static native long[] counts(long core);

    private static native byte[] ruleCounts(long core);

    private static final String[] LIBRARIES = {"libre2.so.9", "libassay.so"};

    static {
        load();
    }

    /**
     * A library belongs to the class loader that loaded it, and each job has one of its own: so each loads a copy of
     * its own, which is deleted at once, since what is mapped stays.
     */
    private static void load() {
        String machine = System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch");
        try {
            Path folder = Files.createTempDirectory("assay-");
            try {
                for (String name : LIBRARIES) {
                    String place = "/native/linux-" + machine + "/" + name;
                    try (InputStream library = Core.class.getResourceAsStream(place)) {
                        if (library == null) {
                            throw new UnsatisfiedLinkError("the jar was not built for this machine: no " + place);
                        }
                        Files.copy(library, folder.resolve(name));
                    }
                }
                System.load(folder.resolve("libassay.so").toString());
            } finally {
                for (String name : LIBRARIES) {
                    Files.deleteIfExists(folder.resolve(name));
                }
                Files.delete(folder);
            }
        } catch (IOException fault) {
            throw new ExceptionInInitializerError(fault);
        }
    }
}
