package assay.flink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;

/** Compares the groups of users with Flink's, for characters of all kinds, escaped or not. */
public final class KeyGroupCheck {
    private static final int USERS = 5000;

    public static void main(String[] arguments) {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        int different = 0;
        int wide = 0;
        for (int groups : new int[] {1, 7, 128, 1000}) {
            try (Core core = new Core(Core.configurationOf(""), groups)) {
                for (int number = 0; number < USERS; number++) {
                    StringBuilder user = new StringBuilder();
                    StringBuilder written = new StringBuilder();
                    for (int left = 1 + random.nextInt(20); left > 0; left--) {
                        int character = character(random);
                        wide += character > 127 ? 1 : 0;
                        user.appendCodePoint(character);
                        write(character, random.nextInt(3) == 0, written);
                    }
                    if (groupOf(written, core, groups)
                            != KeyGroupRangeAssignment.assignToKeyGroup(user.toString(), groups)) {
                        different++;
                    }
                }
            }
        }
        if (wide < USERS) {
            throw new AssertionError("too few characters beyond ASCII");
        }
        System.out.println(different + " differ");
    }

    private static int character(Random random) {
        switch (random.nextInt(6)) {
            case 0: return 0xC0 + random.nextInt(0x100);
            case 1: return 0x4E00 + random.nextInt(0x1000);
            case 2: return 0x1F300 + random.nextInt(0x100);
            default: return 'a' + random.nextInt(26);
        }
    }

    private static void write(int character, boolean isEscaped, StringBuilder written) {
        if (!isEscaped) {
            written.appendCodePoint(character);
            return;
        }
        for (char unit : Character.toChars(character)) {
            written.append(String.format("\\u%04x", (int) unit));
        }
    }

    /** With as many subtasks as groups, a user's group is its subtask. */
    private static int groupOf(CharSequence user, Core core, int groups) {
        String line = "{\"transaction_id\":\"t\",\"user_id\":\"" + user + "\",\"amount\":1,\"timestamp\":1735689600}";
        byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
        for (byte[] block : core.route(bytes, bytes.length, groups)) {
            if (block != null) {
                return ByteBuffer.wrap(block).getInt();
            }
        }
        return -1;
    }
}
