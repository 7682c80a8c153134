import AssayCore
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
        let delivery = try OwnDelivery.plan(situation, file: AlertStore.fileName, what: "alert '\(rule.name)'") {
            path, id throws(StoreError) in
            try AlertStore(path: path).delivered(id)
        }
        return PlannedAlerts(rule: rule, layout: layout, office: office, situation: situation, delivery: delivery)
    }
}

private struct PlannedAlerts: PlannedOutput {
    let rule: AlertRule
    let layout: AlertLayout
    let office: AlertOffice
    let situation: OutputSituation
    let delivery: OwnDelivery

    var isStream: Bool { false }
    var notice: String? { delivery.notice }

    /// All alerts of a run share a connection.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        do throws(StoreError) {
            let path = delivery.path
            let store: AlertStore
            if let opened = shared[path] as? AlertStore { store = opened } else { store = try AlertStore(path: path) }
            shared[path] = store
            if delivery.isNew { try store.change { () throws(StoreError) in try store.forget(rule: rule.name) } }
            return AlertSink(
                store, rule, layout, office, values: ValueEncoder(situation.zone), name: situation.name,
                resume: delivery.resume, delivered: delivery.delivered)
        } catch {
            throw RunFailure(.inputOutput, "the alerts in '\(delivery.path)' cannot be used, \(error.description)")
        }
    }
}
