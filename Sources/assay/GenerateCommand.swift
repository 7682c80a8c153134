import Arguments
import Assay
import AssayCore
import Glibc

/// `assay generate`.
enum GenerateCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let isOrders = arguments.text("kind") == "orders"
        let ofTransactions = ["fraud", "disorder", "label-delay", "profile", "uneven"]
        if isOrders, let option = ofTransactions.first(where: { arguments.flag($0) }) {
            throw Failure(code: .usage, message: "--\(option) is about transactions, not orders")
        }
        let outputPath = arguments.text("output") ?? "-"
        let mayOverwrite = arguments.flag("overwrite")
        let output = try Files.create(outputPath, mayOverwrite: mayOverwrite)
        let labelsPath = arguments.text("labels")
        if arguments.flag("label-delay"), labelsPath == nil {
            throw Failure(code: .usage, message: "--label-delay needs --labels")
        }
        var labels: Int32?
        if let labelsPath {
            labels = try Files.create(labelsPath, mayOverwrite: mayOverwrite)
        }
        do throws(GenerationRun.Fault) {
            if isOrders {
                try GenerationRun.run(orders(arguments), lines: output, labels: labels, rate: arguments.real("rate"))
            } else {
                try GenerationRun.run(
                    transactions(arguments), lines: output, labels: labels, rate: arguments.real("rate"))
            }
        } catch {
            switch error {
            case .closed: exit(ExitCode.closed.rawValue)
            case .linesFailed(let number):
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(outputPath)': \(Diagnostics.explain(number))")
            case .labelsFailed(let number):
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(labelsPath ?? "")': \(Diagnostics.explain(number))")
            }
        }
    }

    private static func transactions(_ arguments: ParsedArguments) -> TransactionGenerator.Options {
        var options = TransactionGenerator.Options()
        if let transactions = arguments.integer("transactions") { options.transactions = UInt64(transactions) }
        if let users = arguments.integer("users") { options.users = UInt64(users) }
        if let seed = arguments.integer("seed") { options.seed = UInt64(seed) }
        if let fraud = arguments.real("fraud") { options.fraud = fraud }
        if let name = arguments.text("profile"), let profile = GeneratorProfile(rawValue: name) {
            options.profile = profile
        }
        if let uneven = arguments.real("uneven") { options.uneven = uneven }
        if let disorder = arguments.real("disorder") { options.disorderSeconds = disorder }
        options.labelDelayMilliseconds = arguments.integer("label-delay").map { UInt64($0) }
        options.days = days(arguments, lines: options.transactions) ?? options.days
        if arguments.text("start") == "now" { options.startSeconds = presentSeconds }
        return options
    }

    private static func orders(_ arguments: ParsedArguments) -> OrderGenerator.Options {
        var options = OrderGenerator.Options()
        if let orders = arguments.integer("transactions") { options.orders = UInt64(orders) }
        if let customers = arguments.integer("users") { options.customers = UInt64(customers) }
        if let seed = arguments.integer("seed") { options.seed = UInt64(seed) }
        options.days = days(arguments, lines: options.orders) ?? options.days
        if arguments.text("start") == "now" { options.startSeconds = presentSeconds }
        return options
    }

    /// As given, or as long as the lines take at their rate, so that event time follows real time.
    private static func days(_ arguments: ParsedArguments, lines: UInt64) -> Double? {
        arguments.real("days") ?? arguments.real("rate").map { Double(lines) / $0 / 86_400 }
    }

    private static var presentSeconds: Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
