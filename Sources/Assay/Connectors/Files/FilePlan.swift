import AssayCore
import Glibc

/// What a checkpoint holds of a file of lines.
struct FileResume: Equatable {
    /// Empty for what is not a regular file.
    var path: String
    var length: UInt64
    /// What the reader of a pipe had not taken.
    var unread: [UInt8] = []

    private static let file: UInt8 = 1
    private static let pipe: UInt8 = 2

    init(path: String, length: UInt64, unread: [UInt8] = []) {
        self.path = path
        self.length = length
        self.unread = unread
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 9, bytes[0] == Self.file || bytes[0] == Self.pipe else { return nil }
        length = UInt64(littleEndianBytes: bytes[1..<9])
        path = bytes[0] == Self.file ? String(decoding: bytes[9...], as: UTF8.self) : ""
        if bytes[0] == Self.pipe { unread = Array(bytes[9...]) }
    }

    var bytes: [UInt8] {
        unread.isEmpty
            ? [Self.file] + length.littleEndianBytes + Array(path.utf8)
            : [Self.pipe] + length.littleEndianBytes + unread
    }
}

/// The facts about an output before a run.
struct FileSituation: Equatable {
    /// Nil for standard output.
    let path: String?
    /// The real path of a regular file, empty for anything else.
    var realPath = ""
    var isRegularFile: Bool
    /// The bytes of a regular file; none if it is missing.
    var length: UInt64 = 0
    var exists = true
    /// Whether everything is written to its end: the shell's `>>`.
    var appends = false

    /// Whether it is the file that a checkpoint has, also in a folder that was moved: then nothing is in the old place,
    /// and the file has its name and everything that was written.
    func isFile(of recorded: FileResume) -> Bool {
        if recorded.path.isEmpty { return false }
        if recorded.path == realPath { return true }
        return recorded.length > 0 && length >= recorded.length && access(recorded.path, F_OK) != 0
            && recorded.path.split(separator: "/").last == realPath.split(separator: "/").last
    }

    /// Its name in messages.
    var name: String { path.map { "'\($0)'" } ?? "standard output" }
}

/// What a run does with an output, decided from what the last checkpoint has of it. Nothing is changed before all of a
/// run's outputs have a plan.
enum FilePlan: Equatable {
    /// A file is cut to this length and written from there.
    case file(length: UInt64)
    /// Just write to what is not a file.
    case stream

    /// `recorded`: what the checkpoint has of this output, if anything. `isForgotten`: the checkpoint is discarded, but
    /// its files belong to the run.
    static func of(
        _ situation: FileSituation, recorded: FileResume?, checkpoint: Int64, input: InputFinding,
        mayOverwrite: Bool, isForgotten: Bool
    ) throws(RunFailure) -> FilePlan {
        guard situation.isRegularFile else { return .stream }
        let isRecorded = recorded.map { situation.isFile(of: $0) } ?? false
        if isForgotten, isRecorded { return .file(length: 0) }
        if let recorded, isRecorded, !isForgotten, situation.length >= recorded.length {
            return .file(length: recorded.length)
        }
        if input == .same {
            let state =
                isRecorded
                ? "has \(situation.length) bytes where checkpoint \(checkpoint) left \(recorded?.length ?? 0)"
                : "is not the output of checkpoint \(checkpoint)"
            let wanted = recorded.flatMap { $0.path.isEmpty ? nil : " ('\($0.path)')" } ?? ""
            throw RunFailure(
                .badData,
                "\(situation.name) \(state); name that file\(wanted) with -o, append to it with >>, or start over "
                    + "with --fresh")
        }
        if situation.length == 0 { return .file(length: 0) }
        if situation.appends { return .file(length: situation.length) }
        guard mayOverwrite else {
            throw RunFailure(
                .cannotCreate,
                "\(situation.name) is not empty; \(situation.path == nil ? "append to it with >>, " : "")remove it, or "
                    + "start it over with --overwrite")
        }
        return .file(length: 0)
    }
}

/// An output of a run: a path, or standard output.
package struct OutputTarget: Sendable {
    package let path: String?

    /// Nil for standard output.
    package init(path: String?) {
        self.path = path
    }

    func situation() -> FileSituation {
        var status = stat()
        guard let path else {
            guard fstat(STDOUT_FILENO, &status) == 0 else { return FileSituation(path: nil, isRegularFile: false) }
            let flags = fcntl(STDOUT_FILENO, F_GETFL)
            return FileSituation(
                path: nil, status: status, realPath: Self.realPath("/proc/self/fd/\(STDOUT_FILENO)"),
                appends: flags >= 0 && flags & O_APPEND != 0)
        }
        guard stat(path, &status) == 0 else {
            return FileSituation(path: path, realPath: Self.futurePath(path), isRegularFile: true, exists: false)
        }
        return FileSituation(path: path, status: status, realPath: Self.realPath(path), appends: false)
    }

    static func realPath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return "" }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The path of a file that does not exist yet.
    static func futurePath(_ path: String, links: Int = 8) -> String {
        if links > 0, let target = link(path) {
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
            return futurePath(target.hasPrefix("/") ? target : folder + target, links: links - 1)
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.dropLast().joined(separator: "/")
        let given = folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder
        // The folder may be made before the file is: that of the state is.
        let real = realPath(given).isEmpty && links > 0 ? futurePath(given, links: links - 1) : realPath(given)
        return real.isEmpty ? "" : "\(real == "/" ? "" : real)/\(parts.last ?? "")"
    }

    /// The target of a symbolic link.
    private static func link(_ path: String) -> String? {
        var room = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = room.withUnsafeMutableBytes { bytes in
            readlink(path, bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count > 0 ? String(decoding: room[..<count], as: UTF8.self) : nil
    }

    /// Opens the output and cuts it to the planned length.
    func open(_ plan: FilePlan) throws(RunFailure) -> OpenedFile {
        let situation = situation()
        var descriptor = STDOUT_FILENO
        if let path {
            descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw RunFailure(.cannotCreate, "cannot create '\(path)': \(String(cString: strerror(errno)))")
            }
        }
        if let path, !situation.exists { try Self.makeNameDurable(path) }
        guard case .file(let length) = plan else {
            return OpenedFile(descriptor: descriptor, isRegularFile: false, realPath: "", length: 0)
        }
        guard ftruncate(descriptor, off_t(length)) == 0, lseek(descriptor, off_t(length), SEEK_SET) >= 0 else {
            throw RunFailure(
                .inputOutput, "cannot cut back '\(path ?? "-")': \(String(cString: strerror(errno)))")
        }
        return OpenedFile(
            descriptor: descriptor, isRegularFile: true, realPath: situation.realPath, length: length)
    }

    /// A new file's name is only durable after its folder was synced.
    package static func makeNameDurable(_ path: String) throws(RunFailure) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let folder = parts.isEmpty ? "." : parts == [""] ? "/" : parts.joined(separator: "/")
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw RunFailure(.inputOutput, "cannot sync '\(folder)': \(String(cString: strerror(errno)))")
        }
    }
}

extension FileSituation {
    fileprivate init(path: String?, status: stat, realPath: String, appends: Bool) {
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        self.init(
            path: path, realPath: isRegular ? realPath : "", isRegularFile: isRegular,
            length: isRegular ? UInt64(status.st_size) : 0, appends: appends)
    }
}

/// A file, or standard output, that is being written.
struct OpenedFile: Sendable {
    let descriptor: Int32
    let isRegularFile: Bool
    let realPath: String
    /// Where this run begins to write.
    let length: UInt64
}
