import AssayCore
import StateStore

/// Where results go that people judge: into the queue of the state.
package struct ReviewOutput: OutputDefinition {
    private let settings: ReviewSettings

    package init(_ settings: ReviewSettings) { self.settings = settings }

    package var form: RowForm { .values }
    package var title: String { "the review queue" }
    package func name(of stream: String) -> String { "review" }
    package func claim(in folder: String) -> OutputClaim? { .ownState }

    package func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {}

    package func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        let delivery = try OwnDelivery.plan(situation, file: ReviewStore.fileName, what: "the review queue") {
            path, id throws(StoreError) in
            try ReviewStore(path: path).delivered(id)
        }
        return PlannedReview(settings: settings, situation: situation, delivery: delivery)
    }
}

private struct PlannedReview: PlannedOutput {
    let settings: ReviewSettings
    let situation: OutputSituation
    let delivery: OwnDelivery

    var isStream: Bool { false }
    var notice: String? { delivery.notice }

    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        do throws(StoreError) {
            let store = try ReviewStore(path: delivery.path)
            // Where only the delivery is unknown, as after a while without a queue, what waits goes on waiting.
            if situation.isFresh { try store.change { () throws(StoreError) in try store.dropOpen() } }
            return ReviewSink(
                store, settings, values: ValueEncoder(situation.zone), name: situation.name,
                resume: delivery.resume, delivered: delivery.delivered)
        } catch {
            throw RunFailure(.inputOutput, "the queue in '\(delivery.path)' cannot be used, \(error.description)")
        }
    }
}
