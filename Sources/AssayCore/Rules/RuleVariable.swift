import CEL

/// The published reference of the names in rules.
package enum RuleReference {
    package static var variables: [(name: String, type: String, help: String)] {
        RuleVariable.allCases.map { ($0.name, $0.type.name, $0.help) } + [
            (
                "velocity(type, window)", "int",
                "this user's of a type in the last \"5m\", up to twice the type's largest threshold"
            ),
            ("lists.NAME", "list(string)", "a list of the configuration"),
        ]
    }
}

/// The variables of rules: the transaction, the user's state before it, and what the checks look at.
enum RuleVariable: Int, CaseIterable, Sendable {
    case transactionID, userID, amount, timestamp, transactionType, currency, accountID, merchantID
    case location, latitude, longitude, metadata, event, kafka
    case userTransactions, userIsNew, userLastTimestamp, userSecondsSinceLast, userTypes, userHours, userPlaces
    case userCurrencies, userSeenOnWeekend, userAverageAmount, userAmountDeviation, userAmountCount
    case zScore, distanceKilometers, hour, weekday, isNight, isWeekend, isNewHour, isNewType
    case modelProbability, modelReady

    var name: String {
        switch self {
        case .transactionID: "transaction_id"
        case .userID: "user_id"
        case .amount: "amount"
        case .timestamp: "timestamp"
        case .transactionType: "transaction_type"
        case .currency: "currency"
        case .accountID: "account_id"
        case .merchantID: "merchant_id"
        case .location: "location"
        case .latitude: "location.latitude"
        case .longitude: "location.longitude"
        case .metadata: "metadata"
        case .event: "event"
        case .kafka: "kafka"
        case .userTransactions: "user.transactions"
        case .userIsNew: "user.is_new"
        case .userLastTimestamp: "user.last_timestamp"
        case .userSecondsSinceLast: "user.seconds_since_last"
        case .userTypes: "user.types"
        case .userHours: "user.hours"
        case .userPlaces: "user.places"
        case .userCurrencies: "user.currencies"
        case .userSeenOnWeekend: "user.seen_on_weekend"
        case .userAverageAmount: "user.average_amount"
        case .userAmountDeviation: "user.amount_deviation"
        case .userAmountCount: "user.amount_count"
        case .zScore: "z_score"
        case .distanceKilometers: "distance_km"
        case .hour: "hour"
        case .weekday: "weekday"
        case .isNight: "is_night"
        case .isWeekend: "is_weekend"
        case .isNewHour: "is_new_hour"
        case .isNewType: "is_new_type"
        case .modelProbability: "model_probability"
        case .modelReady: "model_ready"
        }
    }

    var type: CEL.`Type` {
        switch self {
        case .transactionID, .userID, .transactionType, .currency, .accountID, .merchantID: .string
        case .amount, .latitude, .longitude, .userSecondsSinceLast, .userAverageAmount, .userAmountDeviation, .zScore,
            .distanceKilometers, .modelProbability:
            .double
        case .timestamp, .userLastTimestamp: .timestamp
        case .location: .map(.string, .double)
        case .metadata, .event, .kafka: .map(.string, .dyn)
        case .userTransactions, .userPlaces, .userAmountCount, .hour, .weekday: .int
        case .userIsNew, .userSeenOnWeekend, .isNight, .isWeekend, .isNewHour, .isNewType, .modelReady: .bool
        case .userTypes, .userCurrencies: .list(.string)
        case .userHours: .list(.int)
        }
    }

    /// A description for authors of rules.
    var help: String {
        switch self {
        case .transactionID, .userID, .amount: "as it came"
        case .timestamp: "its event time"
        case .transactionType: "the configured default where it has none"
        case .currency, .accountID, .merchantID: "\"\" where it has none"
        case .location: "empty where it has none"
        case .latitude, .longitude: "an error where it has none; see has(\(name))"
        case .metadata: "its members, of any type; see has(metadata.x)"
        case .event: "the whole line of JSON, unknown fields too; of CSV empty"
        case .kafka: "what a record came with, of inputs with 'envelope: true': key, headers, timestamp and more"
        case .userTransactions: "of this user, accepted before"
        case .userIsNew: "there were none"
        case .userLastTimestamp: "the event time of the last one; an error where there is none"
        case .userSecondsSinceLast: "from there to this one; infinite where there is none"
        case .userTypes: "the types the user is known for, in no order"
        case .userHours: "the hours of the day, ascending"
        case .userPlaces: "how many are known"
        case .userCurrencies: "those with known amounts, in no order"
        case .userSeenOnWeekend: "once at least"
        case .userAverageAmount, .userAmountDeviation: "in this currency; 0 where it is new"
        case .userAmountCount: "earlier amounts in this currency"
        case .zScore: "of the amount check; 0 while the history is short"
        case .distanceKilometers: "to the nearest known place; 0 where nothing is known"
        case .hour: "of the day, in the configured time zone"
        case .weekday: "Monday is 0"
        case .isNight, .isWeekend: "of this transaction"
        case .isNewHour, .isNewType: "the user was never seen with it"
        case .modelProbability: "of fraud, as learned from labels; 0 until the model is ready"
        case .modelReady: "it has learned from enough labels"
        }
    }
}
