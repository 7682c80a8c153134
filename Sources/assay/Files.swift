import Glibc

/// Opens what the command line names, with a clear word when that fails.
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

    /// Opens a file to be written from its start. One that holds something is left alone, unless it may be
    /// overwritten; and so are the `others` that the run uses.
    static func openOutput(
        _ path: String, mayOverwrite: Bool, others: [(role: String, descriptor: Int32)]
    ) throws(Failure) -> Int32 {
        if path == "-" { return STDOUT_FILENO }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(code: .cannotCreate, message: "cannot create '\(path)': \(Diagnostics.explain(errno))")
        }
        if let other = others.first(where: { isSameFile($0.descriptor, descriptor) }) {
            throw Failure(code: .usage, message: "'\(path)' is also \(other.role); name another file")
        }
        guard let size = size(descriptor), size > 0 else { return descriptor }
        guard mayOverwrite else {
            throw Failure(
                code: .cannotCreate, message: "'\(path)' is not empty; remove it, or start it over with --overwrite")
        }
        guard ftruncate(descriptor, 0) == 0 else {
            throw Failure(code: .cannotCreate, message: "cannot empty '\(path)': \(Diagnostics.explain(errno))")
        }
        return descriptor
    }

    private static func isSameFile(_ one: Int32, _ other: Int32) -> Bool {
        var oneStatus = stat()
        var otherStatus = stat()
        guard fstat(one, &oneStatus) == 0, fstat(other, &otherStatus) == 0 else { return false }
        return oneStatus.st_mode & S_IFMT == S_IFREG && oneStatus.st_dev == otherStatus.st_dev
            && oneStatus.st_ino == otherStatus.st_ino
    }
}
