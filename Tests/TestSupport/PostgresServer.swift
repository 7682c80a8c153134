import Foundation

/// A server of PostgreSQL on loopback, of one test's own, gone with it.
public final class PostgresServer: Sendable {
    /// Of the user assay.
    public static let password = "a-secret-of-tests"

    private let data: TemporaryFolder
    /// Where it listens.
    public let port: Int

    /// Makes a cluster, and starts it.
    public init() throws {
        data = try TemporaryFolder()
        port = try FreePort.number()
        try data.url.withUnsafeFileSystemRepresentation { path in
            guard chmod(path!, 0o755) == 0 else { throw POSIXError(.EACCES) }
        }
        _ = try data.write("password", Self.password)
        // PostgreSQL refuses to run as root.
        try shell(
            """
            mkdir cluster
            if [ "$(id -u)" = 0 ]; then chown -R postgres cluster password; fi
            $AS initdb -D cluster -A scram-sha-256 -U assay --pwfile=password -N > log
            echo "listen_addresses = '127.0.0.1'" >> cluster/postgresql.conf
            echo "port = \(port)" >> cluster/postgresql.conf
            echo "unix_socket_directories = ''" >> cluster/postgresql.conf
            echo "fsync = off" >> cluster/postgresql.conf
            """)
        try start()
    }

    deinit {
        // A server that is gone already needs no end.
        _ = try? shell("$AS pg_ctl -D cluster -m immediate stop > log")
    }

    /// With the password.
    public var uri: String { "postgresql://assay:\(Self.password)@127.0.0.1:\(port)/postgres" }

    /// Starts it again.
    public func start() throws { try shell("$AS pg_ctl -D cluster -l cluster/log -w start > log") }

    /// Ends it in order.
    public func stop() throws { try shell("$AS pg_ctl -D cluster -m fast -w stop > log") }

    /// As a power cut would.
    public func crash() throws { try shell("$AS pg_ctl -D cluster -m immediate -w stop > log") }

    /// The rows of a query, cells separated by bars.
    public func query(_ sql: String) throws -> [String] {
        _ = try data.write("query.sql", sql)
        return try shell("PGPASSWORD=\(Self.password) psql -h 127.0.0.1 -p \(port) -U assay postgres -qAt -f query.sql")
    }

    @discardableResult
    private func shell(_ script: String) throws -> [String] {
        let setup = """
            export PATH="$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH"
            AS=; if [ "$(id -u)" = 0 ]; then AS="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi

            """
        let run = try Binary.shell(setup + script, in: data)
        guard run.code == 0 else { throw Failed(message: run.errors + run.lines.joined(separator: "\n")) }
        return run.lines
    }

    struct Failed: Error {
        let message: String
    }
}
