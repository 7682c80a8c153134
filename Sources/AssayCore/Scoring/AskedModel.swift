/// A model that is asked several times for each transaction, by address: counting a reference each time would take as
/// long as some of the answers.
struct AskedModel {
    fileprivate final class Holder {
        let model: any TransactionModel

        init(_ model: any TransactionModel) {
            self.model = model
        }
    }

    private let holder: Holder
    /// What may be asked as long as this is here.
    let reference: Reference

    init(_ model: any TransactionModel) {
        holder = Holder(model)
        reference = Reference(address: .passUnretained(holder))
    }

    var model: any TransactionModel { holder.model }

    struct Reference {
        fileprivate let address: Unmanaged<Holder>

        @inline(__always)
        func ask<Answer>(_ body: (any TransactionModel) -> Answer) -> Answer {
            address.withReference { body($0.model) }
        }
    }
}
