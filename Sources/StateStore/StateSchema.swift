/// The tables of the state. Published as `schemas/state.sql`; a test compares the two.
enum StateSchema {
    static let sql =
        """
        -- The state of Assay, format 4: what `state.db` and each snapshot hold.
        -- One transaction per checkpoint writes all of it, so whatever is read belongs to one checkpoint.

        CREATE TABLE store (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            format INTEGER NOT NULL CHECK (format >= 1),
            created_ms INTEGER NOT NULL
        ) STRICT;

        -- The process functions that keep state.
        CREATE TABLE process_function (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE CHECK (length(name) > 0)
        ) STRICT;


        """ + pages + checkpoints + audit

    /// Of this format and of the earlier ones.
    static let tableNames = [
        "store", "process_function", "state_page", "checkpoint", "state_log", "input_position", "output_position",
        "output_length", "tally", "stage_field", "audit",
    ]

    static let pages = """
        -- Keyed state: for each process function a log of pages, appended by checkpoints and dropped from the oldest
        -- end. The ids of a log have no gaps. Of several entries of one key, the one in the page with the greatest id
        -- holds.
        -- entries: one after another, each: page of the key's entry before this one (0: none), count of key bytes,
        -- key, count of value bytes, value; numbers as LEB128.
        -- checksum: XXH3-64 of id, function, entry_count (eight bytes each, little endian) and entries.
        CREATE TABLE state_page (
            function INTEGER NOT NULL REFERENCES process_function (id),
            id INTEGER NOT NULL CHECK (id > 0),
            entry_count INTEGER NOT NULL CHECK (entry_count > 0),
            entries BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            UNIQUE (function, id)
        ) STRICT;


        """

    static let checkpoints = """
        -- The last checkpoints with their figures.
        -- checksum: XXH3-64 of the row and of its rows in the tables below: none can be lost or changed unseen.
        CREATE TABLE checkpoint (
            id INTEGER PRIMARY KEY CHECK (id > 0),
            taken_ms INTEGER NOT NULL,
            reason TEXT NOT NULL CHECK (reason IN ('start', 'interval', 'count', 'memory', 'signal', 'end', 'closed')),
            sequence INTEGER NOT NULL CHECK (sequence >= 0),
            event_time_ms INTEGER NOT NULL,
            keys_written INTEGER NOT NULL CHECK (keys_written >= 0),
            bytes_written INTEGER NOT NULL CHECK (bytes_written >= 0),
            duration_us INTEGER NOT NULL CHECK (duration_us >= 0),
            configuration TEXT NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;

        -- The log of each function. page_sum: the checksums of its pages, added up modulo 2^64.
        CREATE TABLE state_log (
            checkpoint INTEGER NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
            function INTEGER NOT NULL REFERENCES process_function (id),
            first_page INTEGER NOT NULL CHECK (first_page > 0),
            page_count INTEGER NOT NULL CHECK (page_count >= 0),
            page_sum INTEGER NOT NULL,
            keys INTEGER NOT NULL CHECK (keys >= 0),
            PRIMARY KEY (checkpoint, function)
        ) STRICT, WITHOUT ROWID;

        -- How far each input was read. Offset and line are for people; position is what the source resumes from, in a
        -- form of its own.
        CREATE TABLE input_position (
            checkpoint INTEGER NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
            input TEXT NOT NULL,
            path TEXT NOT NULL,
            format TEXT NOT NULL,
            byte_offset INTEGER NOT NULL CHECK (byte_offset >= 0),
            line INTEGER NOT NULL CHECK (line >= 0),
            position BLOB NOT NULL,
            PRIMARY KEY (checkpoint, input)
        ) STRICT, WITHOUT ROWID;

        -- How far each output was written: bytes or rows, for people. path: of a regular file or a database, else
        -- empty. resume is what the sink resumes from, in a form of its own.
        CREATE TABLE output_position (
            checkpoint INTEGER NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
            output TEXT NOT NULL,
            path TEXT NOT NULL,
            length INTEGER NOT NULL CHECK (length >= 0),
            resume BLOB NOT NULL,
            PRIMARY KEY (checkpoint, output)
        ) STRICT, WITHOUT ROWID;

        -- What was counted so far: accepted transactions by level, rejected lines by reason, and so on.
        CREATE TABLE tally (
            checkpoint INTEGER NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            count INTEGER NOT NULL CHECK (count >= 0),
            PRIMARY KEY (checkpoint, name)
        ) STRICT, WITHOUT ROWID;

        -- Numbers that the stage needs to resume, such as the watermark.
        CREATE TABLE stage_field (
            checkpoint INTEGER NOT NULL REFERENCES checkpoint (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            value INTEGER NOT NULL,
            PRIMARY KEY (checkpoint, name)
        ) STRICT, WITHOUT ROWID;


        """

    /// What format 1 lacks; formats 2 and 3 know nothing of models.
    static let audit = """
        -- What was done to the state besides scoring. Nothing in it tells whose state it was. users: who were affected
        -- by it; of models 0.
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            action TEXT NOT NULL
                CHECK (action IN ('forget', 'import', 'restore', 'reset_model', 'restore_model')),
            checkpoint INTEGER NOT NULL,
            users INTEGER NOT NULL CHECK (users >= 0)
        ) STRICT;

        """
}
