import AssayCore
import CEL

/// A table of PostgreSQL with the columns that a stream has for it.
struct Table: Sendable {
    struct Column: Sendable {
        let name: String
        /// As PostgreSQL calls it.
        let type: String
    }

    /// With its schema, if one is named.
    let name: String
    let columns: [Column]
    let kinds: [RowText.Kind]
    /// Empty for rows that are only added.
    let key: [String]
    let indexes: [String]
    let channel: String?
    /// Whether the table's own time of insertion is one of the stream's columns.
    private var hasOwnCreation: Bool { columns.contains { $0.name == Self.creation } }

    static let creation = "created_at"
    /// Where the number of delivered rows is.
    static let deliveries = "assay_delivery"

    /// `isAssessments`: whether the rows are assessments, whose time is in seconds.
    init(
        name: String, columns: [StreamColumn], isAssessments: Bool, key: [String], indexes: [String], channel: String?
    ) {
        (self.name, self.key, self.indexes, self.channel) = (name, key, indexes, channel)
        var made: [Column] = []
        var kinds: [RowText.Kind] = []
        for column in columns {
            let isTime = isAssessments && column.name == "timestamp" && column.type == .double
            let type = isTime ? "timestamptz" : Self.type(column.type)
            made.append(Column(name: column.name, type: type))
            kinds.append(isTime ? .seconds : type == "jsonb" ? .json : .plain)
        }
        (self.columns, self.kinds) = (made, kinds)
    }

    private static func type(_ type: CEL.`Type`) -> String {
        switch type {
        case .int: "int8"
        case .uint: "numeric"
        case .double: "float8"
        case .bool: "bool"
        case .bytes: "bytea"
        case .timestamp: "timestamptz"
        case .string, .duration: "text"
        default: "jsonb"
        }
    }

    /// What a column of each type may be where the table is there already.
    private static let accepted: [String: Set<String>] = [
        "int8": ["int8", "numeric"], "numeric": ["numeric"], "float8": ["float8", "numeric"], "bool": ["bool"],
        "bytea": ["bytea"], "timestamptz": ["timestamptz"], "jsonb": ["jsonb", "json"],
        "text": ["text", "varchar", "bpchar", "citext"],
    ]

    private var quotedName: String { name.split(separator: ".").map { Name.quoted(String($0)) }.joined(separator: ".") }

    private var columnList: String { columns.map { Name.quoted($0.name) }.joined(separator: ", ") }

    // MARK: Before the first row

    /// What is there, found without changing anything.
    struct Finding {
        let isThere: Bool
        let isEmpty: Bool
        let delivered: Int64?
    }

    func find(_ delivery: String?, _ connection: Connection) throws(DatabaseFault) -> Finding {
        let present = try connection.run(
            """
            SELECT a.attname, t.typname, a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
            """, [quotedName])
        guard !present.isEmpty else { return Finding(isThere: false, isEmpty: true, delivered: nil) }
        for column in columns {
            guard let found = present.first(where: { $0[0] == column.name }) else {
                throw misfit("it has no column '\(column.name)'; add one of the type \(column.type)")
            }
            let type = found[1] ?? ""
            guard Self.accepted[column.type]?.contains(type) ?? false else {
                throw misfit("its column '\(column.name)' is \(type), and \(column.type) is to be written")
            }
        }
        if let demanding = present.first(where: { row in
            row[2] == "t" && !columns.contains { $0.name == row[0] }
        }) {
            throw misfit("its column '\(demanding[0] ?? "")' must have a value, and nothing is written to it")
        }
        if !key.isEmpty { try checkKey(connection) }
        let rows = try connection.run("SELECT EXISTS (SELECT 1 FROM \(quotedName))")
        return Finding(
            isThere: true, isEmpty: rows.first?.first == "f",
            delivered: try delivery.flatMap { id throws(DatabaseFault) in try known(id, connection) })
    }

    /// Whether the user may do what a run does.
    func checkRights(_ found: Finding, _ connection: Connection) throws(DatabaseFault) {
        func holds(_ sql: String, _ values: [String?]) throws(DatabaseFault) -> Bool {
            try connection.run("SELECT \(sql)", values).first?.first == "t"
        }
        guard found.isThere else {
            guard try holds("has_schema_privilege(COALESCE($1, current_schema()), 'CREATE')", [schema]) else {
                throw DatabaseFault(message: "the user may create no table there", state: "", isBroken: false)
            }
            return
        }
        for right in key.isEmpty ? ["INSERT"] : ["INSERT", "UPDATE"] {
            guard try holds("has_table_privilege(to_regclass($1), $2)", [quotedName, right]) else {
                throw DatabaseFault(message: "the user may not \(right) into it", state: "", isBroken: false)
            }
        }
    }

    private var schema: String? {
        name.firstIndex(of: ".").map { String(name[..<$0]) }
    }

    private func misfit(_ what: String) -> DatabaseFault {
        DatabaseFault(message: "\(what), or name another table", state: "", isBroken: false)
    }

    /// An upsert needs a unique index over exactly its key.
    private func checkKey(_ connection: Connection) throws(DatabaseFault) {
        let found = try connection.run(
            """
            SELECT string_agg(a.attname, ',' ORDER BY a.attname) FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indpred IS NULL GROUP BY i.indexrelid
            """, [quotedName])
        let wanted = key.sorted().joined(separator: ",")
        guard found.contains(where: { $0[0]?.split(separator: ",").sorted().joined(separator: ",") == wanted }) else {
            throw misfit("it has no primary key or unique index over \(key.joined(separator: ", "))")
        }
    }

    private func known(_ delivery: String, _ connection: Connection) throws(DatabaseFault) -> Int64? {
        guard try connection.run("SELECT to_regclass($1) IS NOT NULL", [Self.deliveries]).first?.first == "t" else {
            return nil
        }
        return try connection.run("SELECT delivered FROM \(Self.deliveries) WHERE delivery = $1", [delivery])
            .first?.first.flatMap { $0 }.flatMap { Int64($0) }
    }

    /// Makes what is missing, and the row of this delivery. `clears`: whether rows of others go.
    func prepare(_ delivery: String, clears: Bool, _ connection: Connection) throws(DatabaseFault) {
        try connection.transaction { () throws(DatabaseFault) in
            // Of two that come at once, the second waits.
            try connection.run("SELECT pg_advisory_xact_lock(7155817)")
            var parts = columns.map { "\(Name.quoted($0.name)) \($0.type)" }
            if !hasOwnCreation { parts.append("\(Self.creation) timestamptz NOT NULL DEFAULT now()") }
            if !key.isEmpty { parts.append("PRIMARY KEY (\(key.map(Name.quoted).joined(separator: ", ")))") }
            let isThere = try connection.run("SELECT to_regclass($1) IS NOT NULL", [quotedName]).first?.first == "t"
            if !isThere {
                try connection.run("CREATE TABLE \(quotedName) (\(parts.joined(separator: ", ")))")
                for index in indexes { try connection.run("CREATE INDEX ON \(quotedName) (\(Name.quoted(index)))") }
            }
            if clears { try connection.run("DELETE FROM \(quotedName)") }
            try connection.run(
                """
                CREATE TABLE IF NOT EXISTS \(Self.deliveries) (
                    delivery text PRIMARY KEY, relation text NOT NULL, delivered int8 NOT NULL,
                    at timestamptz NOT NULL DEFAULT now())
                """)
            try connection.run(
                """
                INSERT INTO \(Self.deliveries) (delivery, relation, delivered) VALUES ($1, $2, 0)
                ON CONFLICT DO NOTHING
                """, [delivery, name])
        }
    }

    // MARK: Rows

    func delivered(_ delivery: String, _ connection: Connection) throws(DatabaseFault) -> Int64? {
        try known(delivery, connection)
    }

    /// False when another writer has changed it.
    func advance(
        _ delivery: String, from before: Int64, to after: Int64, _ connection: Connection
    ) throws(DatabaseFault) -> Bool {
        try connection.change(
            "UPDATE \(Self.deliveries) SET delivered = $3, at = now() WHERE delivery = $1 AND delivered = $2",
            [delivery, "\(before)", "\(after)"]) == 1
    }

    func notify(_ sequence: Int64, _ connection: Connection) throws(DatabaseFault) {
        guard let channel else { return }
        try connection.run("SELECT pg_notify($1, $2)", [channel, "\(sequence)"])
    }

    /// Rows whose key is there replace those, the last of several; without a key they are added.
    func insert(_ text: RowText, _ connection: Connection) throws(DatabaseFault) {
        guard !key.isEmpty else {
            return try connection.copy(text.bytes, "COPY \(quotedName) (\(columnList)) FROM STDIN")
        }
        try connection.run(
            """
            CREATE TEMP TABLE assay_batch ON COMMIT DROP AS
            SELECT 0::int8 AS assay_place, \(columnList) FROM \(quotedName) WITH NO DATA
            """)
        try connection.copy(text.numbered, "COPY assay_batch (assay_place, \(columnList)) FROM STDIN")
        let keys = key.map(Name.quoted).joined(separator: ", ")
        let others = columns.map(\.name).filter { !key.contains($0) }.map(Name.quoted)
        let change =
            others.isEmpty
            ? "NOTHING" : "UPDATE SET " + others.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        try connection.run(
            """
            INSERT INTO \(quotedName) (\(columnList))
            SELECT DISTINCT ON (\(keys)) \(columnList) FROM assay_batch ORDER BY \(keys), assay_place DESC
            ON CONFLICT (\(keys)) DO \(change)
            """)
    }
}
