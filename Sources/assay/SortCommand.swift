import Arguments
import Assay
import AssayCore
import Compression
import Glibc

/// `assay sort`.
enum SortCommand {
    private static let leastMemory: Int64 = 8 << 20

    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let inputPath = arguments.operands.first ?? "-"
        let resolved = try Configurations.load(arguments.text("config")).resolved
        let input = try Files.openInput(inputPath)
        let outputPath = arguments.text("output") ?? "-"
        var plan = EventSort.Plan()
        if let format = arguments.text("format").flatMap({ InputFormat(rawValue: $0) }) { plan.format = format }
        plan.dialect = RunOptions.dialect(arguments)
        plan.zone = resolved.zone
        plan.timeField = arguments.text("time") ?? timeField(resolved.fields)
        plan.compression = CompressionFormat(path: outputPath)
        if let memory = arguments.integer("memory") {
            guard memory >= leastMemory else {
                throw Failure(code: .usage, message: "--memory takes at least 8MiB")
            }
            plan.memoryBytes = Int(memory)
        }
        plan.temporaryFolder = arguments.text("temporary-folder") ?? folder(of: outputPath)
        let rejectsPath = arguments.text("rejects")
        for path in [outputPath, rejectsPath].compactMap(\.self) where path != "-" && Files.isOpen(path, as: input) {
            throw Failure(code: .usage, message: "'\(path)' is also the input; name another file")
        }
        let rejects = try rejectsPath.map { path throws(Failure) in
            try Files.create(path, mayOverwrite: arguments.flag("overwrite"))
        }
        let target = try SortTarget(outputPath, mayOverwrite: arguments.flag("overwrite"))
        let outcome = try sort(plan, input, inputPath, target, rejects, rejectsPath)
        try target.finish()
        if arguments.flag("quiet") { return }
        Diagnostics.say(
            "\(Figures.grouped(outcome.lines)) lines sorted, \(Figures.grouped(outcome.rejected)) rejected"
                + (outcome.runs > 0 ? ", \(Figures.grouped(outcome.runs)) runs merged" : ""))
    }

    private static func sort(
        _ plan: EventSort.Plan, _ input: Int32, _ inputPath: String, _ target: SortTarget, _ rejects: Int32?,
        _ rejectsPath: String?
    ) throws(Failure) -> EventSort.Outcome {
        do throws(SortFault) {
            return try EventSort(plan, output: target.descriptor, rejects: rejects).run(input: input)
        } catch {
            target.giveUp()
            switch error {
            case .closed: exit(ExitCode.closed.rawValue)
            case .input(let error): throw Failure(error.failure(of: inputPath))
            case .temporaryFile(let folder, let number):
                let place = folder.map { " in '\($0)'; name another with --temporary-folder" } ?? ""
                throw Failure(
                    code: .inputOutput,
                    message: "cannot use a temporary file\(place): \(Diagnostics.explain(number))")
            case .output(let number):
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(target.path)': \(Diagnostics.explain(number))")
            case .rejects(let number):
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(rejectsPath ?? "")': \(Diagnostics.explain(number))")
            }
        }
    }

    /// What the input calls the timestamp.
    private static func timeField(_ fields: TransactionFields) -> String {
        fields.mapped.first { $0.value == "timestamp" }?.key ?? "timestamp"
    }

    private static func folder(of path: String) -> String {
        if path == "-" { return getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// The file that sorted lines go to. It is in place once it is whole.
private struct SortTarget {
    let path: String
    let descriptor: Int32
    /// The name until then; nil for what is no regular file.
    private let unfinished: String?

    init(_ path: String, mayOverwrite: Bool) throws(Failure) {
        self.path = path
        var status = stat()
        let isThere = path != "-" && stat(path, &status) == 0
        guard path != "-", !isThere || status.st_mode & S_IFMT == S_IFREG else {
            descriptor = try Files.create(path, mayOverwrite: true)
            unfinished = nil
            return
        }
        guard !isThere || status.st_size == 0 || mayOverwrite else {
            throw Failure(code: .cannotCreate, message: "'\(path)' is not empty; --overwrite replaces it")
        }
        unfinished = path + ".unfinished"
        descriptor = try Files.create(path + ".unfinished", mayOverwrite: true)
    }

    func finish() throws(Failure) {
        guard let unfinished else { return }
        guard fsync(descriptor) == 0, rename(unfinished, path) == 0 else {
            throw Failure(code: .inputOutput, message: "cannot write '\(path)': \(Diagnostics.explain(errno))")
        }
    }

    func giveUp() {
        if let unfinished { unlink(unfinished) }
    }
}
