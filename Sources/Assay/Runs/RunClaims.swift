import AssayCore
import Glibc

/// Ensures that no file that is read is written, no file is written twice, and the state's files are left alone.
struct RunClaims {
    private var taken: [(role: String, file: FileIdentity)] = []

    init(_ request: RunRequest) {
        if let folder = request.folder {
            for name in [
                "state.db", "state.db-wal", "state.db-shm", "state.db.old", "state.db.old.1", "state.db.old.2", "lock",
                "order.log", "alerts.db", "alerts.db-wal", "alerts.db-shm",
                "review.db", "review.db-wal", "review.db-shm",
            ] {
                taken.append(("a file of the state", FileIdentity("\(folder)/\(name)")))
            }
        }
        for path in request.definitionPaths { taken.append(("a file that defines the run", FileIdentity(path))) }
    }

    mutating func check(_ request: RunRequest) throws(RunFailure) {
        for input in request.inputs {
            if let file = input.definition.file { taken.append(("the input", FileIdentity(file))) }
        }
        var targets: [(role: String, target: OutputTarget)] = []
        var folders: [(stream: String, folder: String)] = []
        var tables: Set<String> = []
        for output in request.outputs + request.rejects {
            let isRejects = output.stream == NamedOutput.rejects
            let role =
                isRejects
                ? "the rejects" : request.outputs.count == 1 ? "the output" : "an output of '\(output.stream)'"
            switch output.definition.claim(in: request.outputFolder) {
            case .ownState?: break
            case nil: targets.append((role, OutputTarget(path: nil)))
            case .file(let path)?: targets.append((role, OutputTarget(path: path)))
            case .folder(let folder)?:
                folders.append((output.stream, folder))
                targets.append((role, OutputTarget(path: folder)))
            case .topic(let topic)?:
                let whole = topic.split(separator: "/").first.map(String.init) ?? topic
                guard !request.inputs.contains(where: { $0.definition.path == "kafka:\(whole)" }) else {
                    throw RunFailure(.usage, "topic '\(whole)' is the input and an output; name another one")
                }
                guard tables.insert("topic \(topic)").inserted else {
                    throw RunFailure(.usage, "topic '\(topic)' is an output twice")
                }
            case .table(let table, let database)?:
                guard tables.insert("\(database) \(table.lowercased())").inserted else {
                    throw RunFailure(.usage, "table '\(table)' of '\(database)' is an output twice")
                }
                if tables.insert(database).inserted {
                    targets.append(("the database of '\(output.stream)'", OutputTarget(path: database)))
                }
            }
        }
        for (_, target) in targets { try check(target, outside: folders) }
        for (role, target) in targets { try take(target, role) }
    }

    /// Any file named like a part in a folder of parts counts as one.
    private func check(
        _ target: OutputTarget, outside folders: [(stream: String, folder: String)]
    ) throws(RunFailure) {
        guard let path = target.path else { return }
        for (stream, folder) in folders {
            let real = (OutputTarget.futurePath(folder), OutputTarget.futurePath(path))
            if path.hasPrefix(folder + "/") || !real.0.isEmpty && real.1.hasPrefix(real.0 + "/") {
                throw RunFailure(.usage, "'\(path)' is in the folder of the parts of '\(stream)'; put it elsewhere")
            }
        }
    }

    private mutating func take(_ target: OutputTarget, _ role: String) throws(RunFailure) {
        let situation = target.situation()
        guard situation.isRegularFile, !situation.realPath.isEmpty else { return }
        let identity = FileIdentity(situation.realPath)
        if let other = taken.first(where: { $0.file.isSame(as: identity) }) {
            throw RunFailure(.usage, "\(situation.name) is also \(other.role); name another file")
        }
        taken.append((role, identity))
    }
}

/// Identifies a file whatever its name; if it does not exist, by where it will be.
private struct FileIdentity {
    private let path: String
    private let device: UInt64
    private let number: UInt64

    init(_ path: String) {
        var status = stat()
        let isThere = stat(path, &status) == 0
        let real = OutputTarget.realPath(path)
        self.path = real.isEmpty ? OutputTarget.futurePath(path) : real
        (device, number) = isThere ? (UInt64(status.st_dev), UInt64(status.st_ino)) : (0, 0)
    }

    func isSame(as other: FileIdentity) -> Bool {
        !path.isEmpty && path == other.path || number != 0 && (device, number) == (other.device, other.number)
    }
}
