package assay.flink;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import org.apache.flink.api.common.serialization.Encoder;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.reader.SimpleStreamFormat;
import org.apache.flink.connector.file.src.reader.StreamFormat;
import org.apache.flink.core.fs.FSDataInputStream;

/** Files as blocks of whole lines. A file is read by one reader. */
final class LineBlocks extends SimpleStreamFormat<byte[]> {
    private static final long serialVersionUID = 1;
    private static final int BYTES = 1 << 16;
    /** What is longer is rejected, and of that only the beginning is looked at. */
    private static final int LONGEST_LINE = 1 << 20;
    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

    private final long bytesPerSecond;

    /** `bytesPerSecond`: of one reader; 0 for as fast as it goes. */
    LineBlocks(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    @Override
    public TypeInformation<byte[]> getProducedType() {
        return Blocks.TYPE;
    }

    @Override
    public Reader<byte[]> createReader(Configuration configuration, FSDataInputStream input) {
        return new BlockReader(input, bytesPerSecond);
    }

    private static final class BlockReader implements StreamFormat.Reader<byte[]> {
        private final FSDataInputStream input;
        private final long bytesPerSecond;
        private final long began = System.nanoTime();
        private byte[] buffer = new byte[BYTES];
        private int filled;
        private long read;
        private boolean isAtStart = true;
        /** The rest of a line that is too long is still to come. */
        private boolean isWithinCutLine;

        BlockReader(FSDataInputStream input, long bytesPerSecond) {
            this.input = input;
            this.bytesPerSecond = bytesPerSecond;
        }

        /** The next lines, the last one without its end if the file has none; null at the end. */
        @Override
        public byte[] read() throws IOException {
            while (true) {
                int count = filled < buffer.length ? input.read(buffer, filled, buffer.length - filled) : 0;
                if (count < 0) {
                    return filled > 0 && !isWithinCutLine ? take(filled) : null;
                }
                filled += count;
                if (isWithinCutLine) {
                    skipCutLine();
                    continue;
                }
                if (filled < buffer.length) {
                    continue;
                }
                int end = filled;
                while (end > 0 && buffer[end - 1] != '\n') {
                    end--;
                }
                if (end > 0) {
                    return take(end);
                }
                if (filled > LONGEST_LINE) {
                    return cut();
                }
                buffer = Arrays.copyOf(buffer, 2 * buffer.length);
            }
        }

        /** The beginning of a line that is too long, as a line. */
        private byte[] cut() throws IOException {
            buffer[LONGEST_LINE + 1] = '\n';
            filled = LONGEST_LINE + 2;
            isWithinCutLine = true;
            return take(filled);
        }

        private void skipCutLine() {
            int end = 0;
            while (end < filled && buffer[end] != '\n') {
                end++;
            }
            isWithinCutLine = end == filled;
            int kept = isWithinCutLine ? 0 : filled - end - 1;
            System.arraycopy(buffer, filled - kept, buffer, 0, kept);
            filled = kept;
        }

        private byte[] take(int count) throws IOException {
            int start = isAtStart && startsWithMark(count) ? BYTE_ORDER_MARK.length : 0;
            isAtStart = false;
            byte[] block = Arrays.copyOfRange(buffer, start, count);
            System.arraycopy(buffer, count, buffer, 0, filled - count);
            filled -= count;
            pace(count);
            return block;
        }

        private boolean startsWithMark(int count) {
            return count >= BYTE_ORDER_MARK.length
                    && Arrays.equals(buffer, 0, BYTE_ORDER_MARK.length, BYTE_ORDER_MARK, 0, BYTE_ORDER_MARK.length);
        }

        private void pace(int count) throws IOException {
            read += count;
            if (bytesPerSecond == 0) {
                return;
            }
            long due = began + (long) (read * 1e9 / bytesPerSecond);
            long wait = (due - System.nanoTime()) / 1_000_000;
            if (wait <= 0) {
                return;
            }
            try {
                Thread.sleep(wait);
            } catch (InterruptedException interruption) {
                Thread.currentThread().interrupt();
                throw new IOException("reading was interrupted", interruption);
            }
        }

        @Override
        public void close() throws IOException {
            input.close();
        }
    }

    /** Blocks as they are. */
    static final class Writer implements Encoder<byte[]> {
        private static final long serialVersionUID = 1;

        @Override
        public void encode(byte[] block, OutputStream output) throws IOException {
            output.write(block);
        }
    }

    /** A file as one piece, for configurations. */
    static final class Whole extends SimpleStreamFormat<byte[]> {
        private static final long serialVersionUID = 1;

        @Override
        public TypeInformation<byte[]> getProducedType() {
            return Blocks.TYPE;
        }

        @Override
        public Reader<byte[]> createReader(Configuration configuration, FSDataInputStream input) {
            return new StreamFormat.Reader<byte[]>() {
                private boolean isRead;

                @Override
                public byte[] read() throws IOException {
                    if (isRead) {
                        return null;
                    }
                    isRead = true;
                    return input.readAllBytes();
                }

                @Override
                public void close() throws IOException {
                    input.close();
                }
            };
        }
    }
}
