import Arguments
import Assay
import CivilTime
import Glibc

/// Opens the files of a command line, with a clear message on failure.
enum Files {
    static func openInput(_ path: String) throws(Failure) -> Int32 {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(code: .noInput, message: "cannot open '\(path)': \(Diagnostics.explain(errno))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Failure(code: .noInput, message: "cannot read '\(path)': \(Diagnostics.explain(errno))")
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw Failure(code: .noInput, message: "'\(path)' is a folder; name a file, or - for standard input")
        }
        return descriptor
    }

    /// The size of a regular file.
    static func size(_ descriptor: Int32) -> UInt64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(status.st_size)
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether a path names the file of an open descriptor.
    static func isOpen(_ path: String, as descriptor: Int32) -> Bool {
        var (named, opened) = (stat(), stat())
        guard stat(path, &named) == 0, fstat(descriptor, &opened) == 0 else { return false }
        return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino && named.st_mode & S_IFMT == S_IFREG
    }

    /// Writes a text to a file; - is standard output.
    static func write(_ text: String, to file: String, mayOverwrite: Bool) throws(Failure) {
        let descriptor = try create(file, mayOverwrite: mayOverwrite)
        defer { if file != "-" { close(descriptor) } }
        var text = text
        let isWritten = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) == $0.count }
        guard isWritten else {
            throw Failure(code: .inputOutput, message: "cannot write '\(file)': \(Diagnostics.explain(errno))")
        }
    }

    /// Creates a file, or truncates one that is empty or may be replaced; - is standard output.
    static func create(_ path: String, mayOverwrite: Bool) throws(Failure) -> Int32 {
        if path == "-" { return STDOUT_FILENO }
        var status = stat()
        let holds = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size > 0
        if holds, !mayOverwrite {
            throw Failure(code: .cannotCreate, message: "'\(path)' is not empty; --overwrite replaces it")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(code: .cannotCreate, message: "cannot create '\(path)': \(Diagnostics.explain(errno))")
        }
        return descriptor
    }

    /// A file of labels.
    static func labels(_ path: String, zone: TimeZoneRules) throws(Failure) -> LabelFile {
        do throws(LabelFile.Fault) {
            return try LabelFile(path, zone: zone)
        } catch {
            switch error {
            case .unreadable(let fault):
                throw Failure(code: .noInput, message: "cannot read '\(path)': \(fault.description)")
            case .row(let fault):
                throw Failure(code: .badData, message: "\(path):\(fault.line): \(fault.message)")
            }
        }
    }
}
