import Arguments
import Assay
import Glibc

/// `assay generate`.
enum GenerateCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        var options = TransactionGenerator.Options()
        if let transactions = arguments.integer("transactions") { options.transactions = UInt64(transactions) }
        if let users = arguments.integer("users") { options.users = UInt64(users) }
        if let days = arguments.real("days") { options.days = days }
        if let seed = arguments.integer("seed") { options.seed = UInt64(seed) }
        if let fraud = arguments.real("fraud") { options.fraud = fraud }
        if let disorder = arguments.real("disorder") { options.disorderSeconds = disorder }

        let outputPath = arguments.text("output") ?? "-"
        let output = try Files.create(outputPath)
        let labelsPath = arguments.text("labels")
        var labels: Int32?
        if let labelsPath {
            labels = try Files.create(labelsPath)
        }
        do throws(GenerationRun.Fault) {
            try GenerationRun.run(options, lines: output, labels: labels)
        } catch {
            switch error {
            case .closed: return
            case .linesFailed(let number):
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(outputPath)': \(Diagnostics.explain(number))")
            case .labelsFailed(let number):
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(labelsPath ?? "")': \(Diagnostics.explain(number))")
            }
        }
    }
}
