import Arguments
import Assay
import AssayCore
import Glibc

/// `assay run`.
enum RunCommand {
    /// Nobody waits for a single line: what windows emit waits far longer for the watermark.
    private static let lingerSeconds = 0.05

    static func run(_ arguments: ParsedArguments) throws(Failure) {
        guard let path = arguments.operands.first else { preconditionFailure("the pipeline is a required operand") }
        // A reload that is requested while the file is still being read waits for it.
        if !arguments.flag("explain") { StopSignals.hold(SIGHUP) }
        let pipeline = try Pipelines.load(path)
        if arguments.flag("explain") { return try explain(pipeline, arguments) }
        if arguments.flag("svg") { throw Failure(code: .usage, message: "--svg draws with --explain") }
        let inputPath = arguments.operands.dropFirst().first ?? "-"
        try RunOptions.checkTogether(arguments, input: inputPath, output: "streams")
        let (inputs, totalBytes) = try inputs(pipeline, inputPath, arguments)
        let alerting = try Alerting(pipeline.alerts, beside: pipeline.sinks, path: path, arguments)
        let listening = try Listening(arguments, for: pipeline)
        var running = try Running(arguments, totalBytes: totalBytes, listening, alerting)
        running.parts.keepsOpen = arguments.flag("keep-open")
        running.parts.lingerSeconds = lingerSeconds
        let present = PresentRun<StreamStage>()
        let reloads = PipelineReload(path, pipeline, running.console)
        StopSignals.watch(
            stop: present.stop, checkpoint: present.requestCheckpoint,
            reload: {
                reloads.reload(present.change)
                listening?.show(reloads.present)
            })
        var request = running.completed(
            RunRequest.pipeline(pipeline, inputs: inputs), stateDefault: stateFolder(path))
        request.definitionPaths = [path]
        request.outputFolder = arguments.text("output-folder") ?? ""
        guard request.outputFolder.isEmpty || Files.isFolder(request.outputFolder) else {
            throw Failure(code: .cannotCreate, message: "there is no folder '\(request.outputFolder)'")
        }
        let isSaved = request.folder != nil
        let result = try running.carryOut(present, request) { preparation, former in
            StreamStage(
                (former == nil ? pipeline : reloads.present).plan, sources: preparation.sourceCount, isSaved: isSaved)
        }
        if let result { try running.end(result, isStopped: present.isStopped) }
    }

    /// The inputs of the file, or that of the command line.
    private static func inputs(
        _ pipeline: Pipeline, _ path: String, _ arguments: ParsedArguments
    ) throws(Failure) -> ([NamedInput], totalBytes: UInt64?) {
        guard pipeline.inputs.isEmpty else {
            guard arguments.operands.count == 1 else {
                throw Failure(code: .usage, message: "the pipeline names 'inputs', so INPUT can't be given too")
            }
            return (pipeline.inputs, nil)
        }
        let descriptor = try Files.openInput(path)
        var input = FileInput(path: path, format: pipeline.inputFormat, descriptor: descriptor)
        input.dialect = RunOptions.dialect(arguments)
        input.isFollowed = arguments.flag("follow")
        return ([NamedInput(name: NamedInput.onlyName, input)], FileInput.bytes(of: descriptor, format: input.format))
    }

    /// Each pipeline has its own folder.
    private static func stateFolder(_ path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let name = file.split(separator: ".").first.map(String.init) ?? file
        return "Checkpoints/\(name)"
    }

    private static func explain(_ pipeline: Pipeline, _ arguments: ParsedArguments) throws(Failure) {
        let drawing = PipelineDrawing(pipeline)
        if let file = arguments.text("svg") {
            try Files.write(drawing.svg, to: file, mayOverwrite: arguments.flag("overwrite"))
            if file == "-" { return }
        }
        print(drawing.text, terminator: "")
    }
}

/// Loads pipelines for commands.
enum Pipelines {
    static func load(_ path: String) throws(Failure) -> Pipeline {
        do throws(ConfigurationError) {
            return try Pipeline.load(path, Connectors.all)
        } catch {
            throw Failure(error)
        }
    }
}

/// Reads a pipeline's patterns again: all of them are taken or none.
private final class PipelineReload: Sendable {
    private let path: String
    private let console: Console
    private let state: Locked<Pipeline>

    init(_ path: String, _ pipeline: Pipeline, _ console: Console) {
        (self.path, self.console) = (path, console)
        state = Locked(pipeline)
    }

    /// The pipeline as it was read last.
    var present: Pipeline { state.withLock { $0 } }

    func reload(_ take: (RunChange<StreamStage>) -> Void) {
        state.withLock { present in
            do throws(ConfigurationError) {
                let next = try present.reloaded(path, Connectors.all)
                console.expect(changed: present.patternsChanged(to: next))
                present = next
                take(RunChange(next))
            } catch {
                Diagnostics.error("the patterns stay as they were: \(error.tellAllButLast())")
            }
        }
    }
}
