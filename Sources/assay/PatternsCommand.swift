import Arguments
import Assay
import AssayCore
import Glibc

/// `assay patterns`.
enum PatternsCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let path = arguments.operands[0]
        let drawings =
            Pipeline.isPipeline(path)
            ? try Pipelines.load(path).plan.patternDrawings
            : try Configurations.load(path).resolved.rules?.patternDrawings ?? []
        guard !drawings.isEmpty else {
            throw Failure(code: .badConfiguration, message: "\(path): there are no patterns in it")
        }
        if let file = arguments.text("svg") {
            guard let chosen = try chosen(drawings, arguments).first, try self.chosen(drawings, arguments).count == 1
            else { throw Failure(code: .usage, message: "several patterns: use --name to choose the one to draw") }
            try Files.write(chosen.svg, to: file, mayOverwrite: arguments.flag("overwrite"))
            if file == "-" { return }
        }
        for drawing in try chosen(drawings, arguments) {
            print(arguments.flag("draw") ? drawing.text : drawing.heading)
        }
    }

    private static func chosen(
        _ drawings: [PatternDrawing], _ arguments: ParsedArguments
    ) throws(Failure) -> [PatternDrawing] {
        guard let name = arguments.text("name") else { return drawings }
        let chosen = drawings.filter { $0.name == name }
        guard !chosen.isEmpty else {
            let near = NearestName.of(name, among: drawings.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            throw Failure(code: .usage, message: "there is no pattern '\(name)'\(near)")
        }
        return chosen
    }
}
