package assay.flink;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The options of the job's command line. */
final class Options {
    static final String HELP = String.join("\n",
            "Scores transactions inside Apache Flink as 'assay score' does.",
            "",
            "  flink run [-p N] assay-flink.jar --input PATH --output PATH [options]",
            "",
            "  --input PATH[,PATH]          files of lines, or folders of such files",
            "  --input-table PROPERTIES     instead: the WITH clause of a table, such as",
            "                               \"'connector'='kafka','topic'='payments',...\"",
            "  --output PATH                the folder that gets assessments",
            "  --output-table PROPERTIES    instead: the WITH clause of a table",
            "  --rejects PATH               the folder that gets rejected lines, which are dropped without it",
            "  --config FILE                settings, rules, patterns and lists, as 'assay score' reads them",
            "  --reload FOLDER              each file that appears here is a configuration, which holds after the next",
            "                               checkpoint; --print-configuration makes them",
            "  --import FILE                users of another machine, as 'assayctl export' wrote them, for a first",
            "                               start; every taskmanager has to reach the file",
            "  --key-groups N               the greatest parallelism there can ever be; 128 unless said otherwise",
            "  --readers N                  how many files are read at once; as many as inputs unless said otherwise",
            "  --rate BYTES                 read at most so many bytes a second, each reader",
            "  --checkpoint-interval MS     10000 unless said otherwise",
            "  --print-configuration FILE   prints the configuration with the entries of its lists, and ends",
            "  --help");

    private static final List<String> NAMES = List.of(
            "input", "input-table", "output", "output-table", "rejects", "config", "reload", "import", "key-groups",
            "readers", "rate", "checkpoint-interval", "print-configuration");

    private final Map<String, String> values = new HashMap<>();
    final boolean asksForHelp;

    /** Throws IllegalArgumentException for what is no option, or contradicts another. */
    Options(String[] arguments) {
        boolean help = false;
        for (int index = 0; index < arguments.length; index++) {
            String argument = arguments[index];
            if (argument.equals("--help")) {
                help = true;
                continue;
            }
            String name = argument.startsWith("--") ? argument.substring(2) : "";
            if (!NAMES.contains(name)) {
                throw new IllegalArgumentException("there is no option '" + argument + "'; see --help");
            }
            if (index + 1 == arguments.length) {
                throw new IllegalArgumentException("--" + name + " takes a value");
            }
            index++;
            if (values.put(name, arguments[index]) != null) {
                throw new IllegalArgumentException("--" + name + " is there twice");
            }
        }
        asksForHelp = help;
        if (!help && text("print-configuration") == null) {
            checkOne("input", "input-table");
            checkOne("output", "output-table");
        }
    }

    private void checkOne(String one, String other) {
        if ((text(one) == null) == (text(other) == null)) {
            throw new IllegalArgumentException("either --" + one + " or --" + other + " has to be there");
        }
    }

    /** Null where it is not there. */
    String text(String name) {
        return values.get(name);
    }

    long number(String name, long usual, long least, long most) {
        String text = text(name);
        if (text == null) {
            return usual;
        }
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException fault) {
            // The same is wrong with it as with a number that is too large.
        }
        throw new IllegalArgumentException("--" + name + " takes a number from " + least + " to " + most);
    }

    List<String> list(String name) {
        List<String> parts = new ArrayList<>();
        for (String part : text(name).split(",")) {
            if (!part.isEmpty()) {
                parts.add(part);
            }
        }
        return parts;
    }
}
