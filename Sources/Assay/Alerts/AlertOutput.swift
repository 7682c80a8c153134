import AssayCore
import Glibc
import StateStore

/// Where the results of an alert go: into the outbox of the state.
package struct AlertOutput: OutputDefinition {
    private let rule: AlertRule
    private let layout: AlertLayout
    private let office: AlertOffice

    package init(_ rule: AlertRule, _ layout: AlertLayout, _ office: AlertOffice) {
        (self.rule, self.layout, self.office) = (rule, layout, office)
    }

    package var form: RowForm { .values }
    package var title: String { "alert \(rule.name)" }
    package func name(of stream: String) -> String { "alert:\(rule.name)" }
    package func claim(in folder: String) -> OutputClaim? { .ownState }

    package func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {}

    package func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        guard let folder = situation.stateFolder else {
            throw RunFailure(
                .usage,
                "alerts need a state, which remembers what was told: leave out --no-checkpoints, or 'alerts' of the "
                    + "configuration")
        }
        let path = "\(folder)/\(AlertStore.fileName)"
        let resume = situation.isFresh ? nil : situation.recorded.flatMap { DeliveryResume($0.resume) }
        var planned = PlannedAlerts(
            rule: rule, layout: layout, office: office, path: path, situation: situation,
            resume: resume ?? .new(), delivered: resume?.rows ?? 0, isNew: resume == nil, notice: nil)
        guard let resume else { return planned }
        do throws(StoreError) {
            guard access(path, F_OK) == 0, let known = try AlertStore(path: path).delivered(resume.delivery) else {
                if resume.rows > 0 {
                    planned.notice =
                        "'\(path)' does not know alert '\(rule.name)' of the state: what waited there is lost"
                }
                return planned
            }
            planned.delivered = max(known, resume.rows)
        } catch {
            throw RunFailure(.inputOutput, "the alerts in '\(path)' cannot be used, \(error.description)")
        }
        return planned
    }
}

private struct PlannedAlerts: PlannedOutput {
    let rule: AlertRule
    let layout: AlertLayout
    let office: AlertOffice
    let path: String
    let situation: OutputSituation
    let resume: DeliveryResume
    var delivered: Int64
    let isNew: Bool
    var notice: String?

    var isStream: Bool { false }

    /// All alerts of a run share a connection.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        do throws(StoreError) {
            let store: AlertStore
            if let opened = shared[path] as? AlertStore { store = opened } else { store = try AlertStore(path: path) }
            shared[path] = store
            if isNew { try store.change { () throws(StoreError) in try store.forget(rule: rule.name) } }
            return AlertSink(
                store, rule, layout, office, values: ValueEncoder(situation.zone), name: situation.name,
                resume: resume, delivered: delivered)
        } catch {
            throw RunFailure(.inputOutput, "the alerts in '\(path)' cannot be used, \(error.description)")
        }
    }
}
